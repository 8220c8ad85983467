// Package token splits Flink SQL into tokens. It implements the lexical rules only:
// comments, hints, quotes and numbers. The meaning of words is left to parsers.
package token

import "fmt"

// Kind is what a token is.
type Kind int

// The kinds of tokens.
const (
	// End follows the last token.
	End Kind = iota
	// Word is a keyword or an identifier without quotes.
	Word
	// Quoted is an identifier in backticks.
	Quoted
	// String is a character string, whatever its prefix.
	String
	// Binary is a string of hexadecimal digits: X'CAFE'.
	Binary
	// Number is an unsigned number.
	Number
	// Symbol is an operator or a punctuation mark.
	Symbol
	// Hint is a whole /*+ ... */.
	Hint
)

// Position is a place in the source. Both count characters from 1.
type Position struct {
	Line, Column int
}

// String reads as in error messages.
func (p Position) String() string { return fmt.Sprintf("line %d, column %d", p.Line, p.Column) }

// Token is a piece of the source.
type Token struct {
	Kind Kind
	// Text is the value: of identifiers and strings without quotes and escapes,
	// of hints what is between the comment marks, else as written.
	Text string
	// Keyword is the text of a Word in upper case, else empty.
	Keyword string
	// Start and End are byte offsets into the source.
	Start, End int
	Position   Position
}

// Is reports whether the token is the keyword, in whatever case.
func (t Token) Is(keyword string) bool { return t.Kind == Word && t.Keyword == keyword }

// IsSymbol reports whether the token is the operator or punctuation mark.
func (t Token) IsSymbol(symbol string) bool { return t.Kind == Symbol && t.Text == symbol }

// Error is a syntax error and its position.
type Error struct {
	Position Position
	Message  string
}

// Error returns the position and the message.
func (e *Error) Error() string {
	return fmt.Sprintf("SQL parse failed at %s: %s", e.Position, e.Message)
}

// Errorf returns an error at a position.
func Errorf(at Position, format string, args ...any) error {
	return &Error{Position: at, Message: fmt.Sprintf(format, args...)}
}
