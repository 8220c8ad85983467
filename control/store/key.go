package store

import "strings"

// Key joins segments to a key. Any string can be a segment: what would break the
// path is escaped, so that different segments always give different keys and a
// segment never reaches beyond its place. Names as users write them come out as
// they are.
func Key(segments ...string) string {
	if len(segments) == 1 {
		return escape(segments[0])
	}
	var b strings.Builder
	for i, segment := range segments {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(escape(segment))
	}
	return b.String()
}

// Join continues a key, which stays as it is, by further segments.
func Join(key string, segments ...string) string { return key + "/" + Key(segments...) }

// Segments undoes Key.
func Segments(key string) []string {
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		segments[i] = unescape(segment)
	}
	return segments
}

// emptySegment stands for "", which would otherwise vanish between slashes. A
// lone percent sign is never the outcome of escaping something else.
const emptySegment = "%"

var (
	escaper   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescaper = strings.NewReplacer("%25", "%", "%2F", "/")
)

func escape(segment string) string {
	if segment == "" {
		return emptySegment
	}
	if !strings.ContainsAny(segment, "%/") {
		return segment
	}
	return escaper.Replace(segment)
}

func unescape(segment string) string {
	if segment == emptySegment {
		return ""
	}
	return unescaper.Replace(segment)
}

// span is the range of keys under a path: from is in it, to is not.
type span struct{ from, to string }

// spanOf gives the span of the descendants of the path; '0' is the character that
// follows '/'.
func spanOf(path string) span {
	if path == "" {
		return span{}
	}
	return span{from: path + "/", to: path + "0"}
}

func (s span) contains(key string) bool {
	return key >= s.from && (s.to == "" || key < s.to)
}
