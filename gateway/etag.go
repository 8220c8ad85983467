package gateway

import (
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// entityTag is a strong ETag: equal bodies have equal tags on every replica. It
// begins with the version of the resource, if it is of one, which is what If-Match
// compares. The rest distinguishes bodies of one version and protects nothing, so
// that a fast hash is enough; the length makes a collision less likely still.
func entityTag(version string, body []byte) string {
	tag := make([]byte, 0, 48)
	tag = append(tag, '"')
	if version != "" {
		tag = append(append(tag, version...), '.')
	}
	tag = strconv.AppendUint(tag, xxhash.Sum64(body), 16)
	tag = append(tag, '-')
	tag = strconv.AppendInt(tag, int64(len(body)), 16)
	return string(append(tag, '"'))
}

// matches evaluates If-None-Match, by RFC 9110 with weak comparison.
func matches(ifNoneMatch, tag string) bool {
	if ifNoneMatch == "" {
		return false
	}
	if strings.TrimSpace(ifNoneMatch) == "*" {
		return true
	}
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		if strings.TrimPrefix(strings.TrimSpace(candidate), "W/") == tag {
			return true
		}
	}
	return false
}

// joined is a list header as one value.
func joined(values []string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, ",")
}
