package filter

import "strings"

// Pattern is text in which each asterisk stands for any run of characters, even
// none. It is compared whole and by case.
type Pattern struct {
	// parts is the text between the asterisks.
	parts []string
}

// CompilePattern reads a pattern; any text is one.
func CompilePattern(text string) Pattern {
	return Pattern{parts: strings.Split(text, "*")}
}

// Match tells whether the pattern describes all of the text. Taking the first
// place where each part fits is enough, so nothing is ever tried twice.
func (p Pattern) Match(text string) bool {
	last := len(p.parts) - 1
	if last == 0 {
		return text == p.parts[0]
	}
	text, ok := strings.CutPrefix(text, p.parts[0])
	if !ok {
		return false
	}
	for _, part := range p.parts[1:last] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return strings.HasSuffix(text, p.parts[last])
}
