package token

import (
	"fmt"
	"strings"
)

// MaxDepth bounds how deeply brackets, queries and types may nest, so that no
// text exhausts the stack of a parser that recurses.
const MaxDepth = 200

// Reader hands out the tokens of a source one after the other.
type Reader struct {
	source string
	tokens []Token
	next   int
	depth  int
}

// NewReader reads a source from its beginning.
func NewReader(source string) (*Reader, error) {
	tokens, err := Scan(source)
	if err != nil {
		return nil, err
	}
	return &Reader{source: source, tokens: tokens}, nil
}

// Peek returns the next token.
func (r *Reader) Peek() Token { return r.PeekAt(0) }

// PeekAt returns the token after n others, or End.
func (r *Reader) PeekAt(n int) Token {
	return r.tokens[min(r.next+n, len(r.tokens)-1)]
}

// Last returns the token before the next one. It is the zero Token at first.
func (r *Reader) Last() Token {
	if r.next == 0 {
		return Token{}
	}
	return r.tokens[r.next-1]
}

// Mark is where the reader stands, for Since.
func (r *Reader) Mark() int { return r.next }

// Since returns the tokens taken since the mark.
func (r *Reader) Since(mark int) []Token { return r.tokens[mark:r.next] }

// Next consumes the next token; End is never taken.
func (r *Reader) Next() Token {
	t := r.Peek()
	if t.Kind != End {
		r.next++
	}
	return t
}

// Is reports whether these keywords are next.
func (r *Reader) Is(keywords ...string) bool {
	for i, keyword := range keywords {
		if !r.PeekAt(i).Is(keyword) {
			return false
		}
	}
	return true
}

// IsSymbol reports whether this operator or mark is next.
func (r *Reader) IsSymbol(symbol string) bool { return r.Peek().IsSymbol(symbol) }

// Accept consumes these keywords, if all of them are next.
func (r *Reader) Accept(keywords ...string) bool {
	if !r.Is(keywords...) {
		return false
	}
	r.next += len(keywords)
	return true
}

// AcceptSymbol consumes this operator or mark, if it is next.
func (r *Reader) AcceptSymbol(symbol string) bool {
	if !r.IsSymbol(symbol) {
		return false
	}
	r.next++
	return true
}

// Expect consumes these keywords; others are an error.
func (r *Reader) Expect(keywords ...string) error {
	for _, keyword := range keywords {
		if !r.Accept(keyword) {
			return r.Unexpected(keyword)
		}
	}
	return nil
}

// ExpectSymbol consumes this operator or mark; another is an error.
func (r *Reader) ExpectSymbol(symbol string) error {
	if !r.AcceptSymbol(symbol) {
		return r.Unexpected(fmt.Sprintf("%q", symbol))
	}
	return nil
}

// ExpectString consumes a string.
func (r *Reader) ExpectString(what string) (string, error) {
	if r.Peek().Kind != String {
		return "", r.Unexpected(what + " in single quotes")
	}
	return r.Next().Text, nil
}

// SkipHints skips hints.
func (r *Reader) SkipHints() {
	for r.Peek().Kind == Hint {
		r.next++
	}
}

// Unexpected returns the error for the next token, which is not what was expected.
func (r *Reader) Unexpected(expected string) error {
	t := r.Peek()
	if t.Kind == End {
		return Errorf(t.Position, "Unexpected end of the statement, expected %s.", expected)
	}
	return Errorf(t.Position, "Encountered %s, expected %s.", describe(r.source[t.Start:t.End]), expected)
}

// describe quotes a piece of source, truncated to 40 characters.
func describe(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return fmt.Sprintf("%q", text)
}

// Text returns the source from one byte offset to another as it was written,
// without white space around it.
func (r *Reader) Text(start, end int) string {
	return strings.TrimSpace(r.source[start:max(start, end)])
}

// Enter begins something nested; Leave ends it.
func (r *Reader) Enter() error {
	if r.depth++; r.depth > MaxDepth {
		return Errorf(r.Peek().Position, "The statement is nested more than %d levels deep.", MaxDepth)
	}
	return nil
}

// Leave ends what Enter began.
func (r *Reader) Leave() { r.depth-- }
