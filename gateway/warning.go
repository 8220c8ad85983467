package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// maxWarnings bounds the headers for the unknown fields of a client, and those for the
// warnings of a service: clients and proxies refuse responses with very many.
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

// warningHeader is the gRPC response header by which a service warns of something.
const warningHeader = "weir-warning"

// warnOfService adds a Warning header for each warning of the service.
func warnOfService(ctx context.Context, h http.Header) {
	md, _ := runtime.ServerMetadataFromContext(ctx)
	texts := md.HeaderMD.Get(warningHeader)
	for i, text := range texts {
		if i == maxWarnings {
			h.Add("Warning", warning(fmt.Sprintf("%d more warnings", len(texts)-i)))
			return
		}
		h.Add("Warning", warning(text))
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
