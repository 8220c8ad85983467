package gateway

import (
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// entityTag is a strong ETag: equal bodies have equal tags on every replica.
// It distinguishes versions of one resource and protects nothing, so that a fast
// hash is enough; the length makes a collision less likely still.
func entityTag(body []byte) string {
	tag := make([]byte, 0, 32)
	tag = append(tag, '"')
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
