package codec

// MaxDepth is how deeply objects and arrays may nest in a document; the
// outermost object is at depth 1.
const MaxDepth = 64

// tooDeep scans a document, valid or not, for nesting beyond MaxDepth. It
// comes before the parser, so that a document of a million brackets costs one
// look at its first few.
func tooDeep(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		}
	}
	return false
}

// appendCompact appends valid JSON without its white space, and otherwise
// untouched: escapes, digits and the order of keys stay as they are.
func appendCompact(dst, valid []byte) []byte {
	start := 0 // of what is still to be copied
	for i := 0; i < len(valid); i++ {
		switch valid[i] {
		case ' ', '\t', '\r', '\n':
			dst = append(dst, valid[start:i]...)
			start = i + 1
		case '"':
			for i++; valid[i] != '"'; i++ {
				if valid[i] == '\\' {
					i++
				}
			}
		}
	}
	return append(dst, valid[start:]...)
}
