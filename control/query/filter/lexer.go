package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is the kind of a token.
type kind int

const (
	endToken kind = iota
	wordToken
	quotedToken
	equalsToken
	notEqualsToken
	notToken
	openToken
	closeToken
	commaToken
	// brokenToken is text that is not a token; the rest of the input is ignored.
	brokenToken
)

// token is a piece of the input. position counts characters, from 1, as people
// do. text is the value of a word or a quoted string, without the quotes, and
// the complaint of a broken token.
type token struct {
	kind     kind
	text     string
	position int
}

// String names the token as error messages do.
func (t token) String() string {
	switch t.kind {
	case endToken:
		return "the end"
	case equalsToken:
		return `"="`
	case notEqualsToken:
		return `"!="`
	case notToken:
		return `"!"`
	case openToken:
		return `"("`
	case closeToken:
		return `")"`
	case commaToken:
		return `","`
	default:
		return fmt.Sprintf("%q", t.text)
	}
}

// isSpecial tells the characters that end a bare word. A value with one of
// them has to be quoted.
func isSpecial(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune(`,()=!"'\`, r)
}

// tokens cuts the input up. The last token is always the end or a broken one.
func tokens(input string) []token {
	lexer := lexer{rest: input, position: 1}
	var all []token
	for {
		t := lexer.next()
		all = append(all, t)
		if t.kind == endToken || t.kind == brokenToken {
			return all
		}
	}
}

type lexer struct {
	rest     string
	position int
}

func (l *lexer) next() token {
	l.take(len(l.rest) - len(strings.TrimLeftFunc(l.rest, unicode.IsSpace)))
	t := token{position: l.position}
	if l.rest == "" {
		return t
	}
	for _, symbol := range symbols {
		if strings.HasPrefix(l.rest, symbol.text) {
			t.kind = symbol.kind
			l.take(len(symbol.text))
			return t
		}
	}
	switch l.rest[0] {
	case '"', '\'':
		return l.quoted(t)
	case '\\':
		t.kind, t.text = brokenToken, `a backslash can stand only inside quotes`
		return t
	}
	end := strings.IndexFunc(l.rest, isSpecial)
	if end < 0 {
		end = len(l.rest)
	}
	t.kind, t.text = wordToken, l.take(end)
	return t
}

// symbols in the order to try them: the longer ones before their beginnings.
var symbols = []struct {
	text string
	kind kind
}{
	{"==", equalsToken},
	{"=", equalsToken},
	{"!=", notEqualsToken},
	{"!", notToken},
	{"(", openToken},
	{")", closeToken},
	{",", commaToken},
}

// quoted reads a string in the quotes that the rest begins with. A backslash
// makes the character after it an ordinary one.
func (l *lexer) quoted(t token) token {
	end := rune(l.rest[0])
	l.take(1)
	var value strings.Builder
	for l.rest != "" {
		r, width := utf8.DecodeRuneInString(l.rest)
		taken := l.take(width)
		switch {
		case r == end:
			t.kind, t.text = quotedToken, value.String()
			return t
		case r == '\\' && l.rest != "":
			_, width = utf8.DecodeRuneInString(l.rest)
			value.WriteString(l.take(width))
		default:
			value.WriteString(taken)
		}
	}
	t.kind, t.text = brokenToken, fmt.Sprintf("the quote %c is not closed", end)
	return t
}

// take removes the first n bytes of the rest and gives them.
func (l *lexer) take(n int) string {
	taken := l.rest[:n]
	l.rest = l.rest[n:]
	l.position += utf8.RuneCountInString(taken)
	return taken
}
