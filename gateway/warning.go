package gateway

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// maxWarnings bounds the headers that a client's unknown fields cause.
const maxWarnings = 10

// maxWarning bounds one of them, in bytes.
const maxWarning = 200

// warnOfUnknown adds a Warning header for each field that was ignored.
func warnOfUnknown(h http.Header, unknown []string) {
	for i, path := range unknown {
		if i == maxWarnings {
			h.Add("Warning", warning(fmt.Sprintf("%d more unknown fields", len(unknown)-i)))
			return
		}
		h.Add("Warning", warning("unknown field "+strconv.QuoteToASCII(path)))
	}
}

// warning is the value of a header by RFC 7234: code 299 is a lasting warning
// of no particular kind, and the agent has no name.
func warning(text string) string {
	if len(text) > maxWarning {
		text = text[:maxWarning]
	}
	return `299 - "` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
