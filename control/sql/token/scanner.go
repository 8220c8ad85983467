package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// symbols are the operators of more than one character. `>>` is none, so that
// types nest: ARRAY<ARRAY<INT>>.
var symbols = []string{"<=", ">=", "<>", "!=", "||", "=>", "->", "::"}

// singles are the operators and marks of one character.
const singles = "()[]{},;.+-*/%=<>?:|&^~!"

// Scan cuts the source into tokens without comments. The last is always End.
func Scan(source string) ([]Token, error) {
	s := scanner{source: source, position: Position{Line: 1, Column: 1}}
	var tokens []Token
	for {
		if err := s.skip(); err != nil {
			return nil, err
		}
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		if t.Kind == End {
			return tokens, nil
		}
	}
}

type scanner struct {
	source   string
	offset   int
	position Position
}

func (s *scanner) rest() string { return s.source[s.offset:] }

func (s *scanner) sees(prefix string) bool { return strings.HasPrefix(s.rest(), prefix) }

// peek returns the next character, or -1 after the last.
func (s *scanner) peek() rune {
	if s.offset == len(s.source) {
		return -1
	}
	r, _ := utf8.DecodeRuneInString(s.rest())
	return r
}

// take skips n bytes.
func (s *scanner) take(n int) {
	for _, r := range s.source[s.offset : s.offset+n] {
		if r == '\n' {
			s.position.Line++
			s.position.Column = 1
		} else {
			s.position.Column++
		}
	}
	s.offset += n
}

func (s *scanner) takeWhile(accepts func(rune) bool) {
	rest := s.rest()
	end := strings.IndexFunc(rest, func(r rune) bool { return !accepts(r) })
	if end < 0 {
		end = len(rest)
	}
	s.take(end)
}

// skip skips white space and comments, but not hints.
func (s *scanner) skip() error {
	for {
		s.takeWhile(unicode.IsSpace)
		switch {
		case s.sees("--"), s.sees("//"):
			s.takeWhile(func(r rune) bool { return r != '\n' })
		case s.sees("/*") && !s.sees("/*+"):
			begin := s.position
			length := strings.Index(s.rest()[2:], "*/")
			if length < 0 {
				return Errorf(begin, "The comment is not terminated.")
			}
			s.take(length + 4)
		default:
			return nil
		}
	}
}

// next reads the token that begins here.
func (s *scanner) next() (Token, error) {
	t := Token{Start: s.offset, Position: s.position}
	err := s.read(&t)
	t.End = s.offset
	return t, err
}

func (s *scanner) read(t *Token) error {
	r := s.peek()
	switch {
	case r < 0:
		t.Kind = End
		return nil
	case s.sees("/*+"):
		return s.readHint(t)
	case r == '\'':
		t.Kind = String
		return s.readQuoted(t, '\'', "string")
	case r == '`':
		t.Kind = Quoted
		if err := s.readQuoted(t, '`', "identifier"); err != nil {
			return err
		}
		if t.Text == "" {
			return Errorf(t.Position, "An identifier must not be empty.")
		}
		return nil
	case r == '"':
		return Errorf(t.Position, "Double quotes are not supported in Flink SQL: quote identifiers with backticks and strings with single quotes.")
	case isDigit(r), r == '.' && len(s.rest()) > 1 && isDigit(rune(s.rest()[1])):
		return s.readNumber(t)
	case isWordStart(r):
		return s.readWord(t)
	default:
		return s.readSymbol(t)
	}
}

func (s *scanner) readSymbol(t *Token) error {
	t.Kind = Symbol
	for _, symbol := range symbols {
		if s.sees(symbol) {
			t.Text = symbol
			s.take(len(symbol))
			return nil
		}
	}
	r, size := utf8.DecodeRuneInString(s.rest())
	if r == utf8.RuneError && size == 1 {
		return Errorf(t.Position, "The text is not valid UTF-8.")
	}
	if !strings.ContainsRune(singles, r) {
		return Errorf(t.Position, "Unexpected character %q.", r)
	}
	t.Text = string(r)
	s.take(size)
	return nil
}

// readWord reads a word, or the string that a prefix belongs to.
func (s *scanner) readWord(t *Token) error {
	if len(s.rest()) > 2 && strings.EqualFold(s.rest()[:3], "U&'") {
		return s.readUnicode(t)
	}
	s.takeWhile(isWordPart)
	t.Kind = Word
	t.Text = s.source[t.Start:s.offset]
	t.Keyword = upper(t.Text)
	if s.peek() != '\'' {
		return nil
	}
	switch {
	case t.Keyword == "X":
		return s.readBinary(t)
	case t.Keyword == "N", t.Text[0] == '_':
		// A national string, or one with the name of a character set before it.
		t.Kind, t.Keyword = String, ""
		return s.readQuoted(t, '\'', "string")
	}
	return nil
}

func (s *scanner) readNumber(t *Token) error {
	t.Kind = Number
	s.takeWhile(isDigit)
	if s.peek() == '.' {
		s.take(1)
		s.takeWhile(isDigit)
	}
	s.readExponent()
	t.Text = s.source[t.Start:s.offset]
	if isWordStart(s.peek()) {
		return Errorf(t.Position, "The number %q is followed by a letter: an identifier that starts with a digit must be quoted with backticks.", t.Text)
	}
	return nil
}

// readExponent takes an exponent, if there is a whole one.
func (s *scanner) readExponent() {
	rest := s.rest()
	if rest == "" || rest[0] != 'e' && rest[0] != 'E' {
		return
	}
	digits := 1
	if len(rest) > 1 && (rest[1] == '+' || rest[1] == '-') {
		digits = 2
	}
	if len(rest) > digits && isDigit(rune(rest[digits])) {
		s.take(digits)
		s.takeWhile(isDigit)
	}
}

// readHint reads to the end of the hint; strings in it may contain that mark.
func (s *scanner) readHint(t *Token) error {
	t.Kind = Hint
	s.take(3)
	begin := s.offset
	for !s.sees("*/") {
		switch s.peek() {
		case -1:
			return Errorf(t.Position, "The hint is not terminated.")
		case '\'':
			if err := s.readQuoted(&Token{Position: s.position}, '\'', "string"); err != nil {
				return err
			}
		default:
			_, size := utf8.DecodeRuneInString(s.rest())
			s.take(size)
		}
	}
	t.Text = s.source[begin:s.offset]
	s.take(2)
	return nil
}

// upper changes ASCII letters only: others that have such a letter as their
// upper case, as the long s has, make no keywords.
func upper(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, text)
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

func isWordStart(r rune) bool { return r == '_' || r == '$' || unicode.IsLetter(r) }

func isWordPart(r rune) bool {
	return isWordStart(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)
}
