package gateway

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// format is a representation of resources.
type format struct {
	yaml        bool
	contentType string
}

var formatJSON = format{contentType: "application/json"}

// formats are all representations, preferred ones first.
var formats = []format{
	formatJSON,
	{yaml: true, contentType: "application/yaml"},
	{yaml: true, contentType: "application/x-yaml"},
	{yaml: true, contentType: "text/yaml"},
	{yaml: true, contentType: "text/x-yaml"},
}

// requestFormat is the format of a request's body, which is JSON where the
// client does not specify one. Parameters such as charset are ignored.
func requestFormat(h http.Header) (f format, known bool) {
	value := h.Get("Content-Type")
	if value == "" || value == formatJSON.contentType {
		return formatJSON, true
	}
	// The media type is given even where parameters are malformed.
	mediaType, _, _ := mime.ParseMediaType(value)
	for _, f := range formats {
		if f.contentType == mediaType {
			return f, true
		}
	}
	return format{}, false
}

// responseFormat picks the format of the response: the one with the highest q, of
// several the one named most precisely, of several JSON. A client that accepts
// none of them gets JSON.
func responseFormat(h http.Header) format {
	accept := h["Accept"]
	if len(accept) == 0 || len(accept) == 1 && (accept[0] == "*/*" || accept[0] == formatJSON.contentType) {
		return formatJSON
	}
	ranges := mediaRanges(accept)
	best, bestQ, bestPrecision := formatJSON, 0.0, -1
	for _, f := range formats {
		q, precision := quality(f.contentType, ranges)
		if q > bestQ || q == bestQ && q > 0 && precision > bestPrecision {
			best, bestQ, bestPrecision = f, q, precision
		}
	}
	return best
}

// mediaRange is one element of an Accept header.
type mediaRange struct {
	pattern string
	q       float64
}

func mediaRanges(accept []string) []mediaRange {
	var ranges []mediaRange
	for _, value := range accept {
		for element := range strings.SplitSeq(value, ",") {
			pattern, parameters, _ := strings.Cut(element, ";")
			r := mediaRange{pattern: strings.ToLower(strings.TrimSpace(pattern)), q: 1}
			for p := range strings.SplitSeq(parameters, ";") {
				name, v, _ := strings.Cut(p, "=")
				if !strings.EqualFold(strings.TrimSpace(name), "q") {
					continue
				}
				// An invalid q counts as 1.
				if q, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil && q >= 0 && q <= 1 {
					r.q = q
				}
			}
			ranges = append(ranges, r)
		}
	}
	return ranges
}

// quality gives the q of the range that names a type most precisely, and that
// precision: 2 for the type itself, 1 for its family, 0 for */*, -1 for none.
func quality(contentType string, ranges []mediaRange) (q float64, precision int) {
	family, _, _ := strings.Cut(contentType, "/")
	precision = -1
	for _, r := range ranges {
		p := -1
		switch r.pattern {
		case contentType:
			p = 2
		case family + "/*":
			p = 1
		case "*/*":
			p = 0
		}
		if p > precision {
			q, precision = r.q, p
		}
	}
	return q, precision
}
