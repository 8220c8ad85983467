package token

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// readQuoted reads a text in quotes; within it, the quote is written twice.
func (s *scanner) readQuoted(t *Token, quote byte, what string) error {
	s.take(1)
	var text strings.Builder
	for {
		end := strings.IndexByte(s.rest(), quote)
		if end < 0 {
			return Errorf(t.Position, "The %s is not terminated.", what)
		}
		text.WriteString(s.rest()[:end])
		s.take(end + 1)
		if s.peek() != rune(quote) {
			break
		}
		text.WriteByte(quote)
		s.take(1)
	}
	t.Text = text.String()
	if !utf8.ValidString(t.Text) {
		return Errorf(t.Position, "The %s is not valid UTF-8.", what)
	}
	return nil
}

// readBinary reads the digits of X'...'.
func (s *scanner) readBinary(t *Token) error {
	t.Kind, t.Keyword = Binary, ""
	if err := s.readQuoted(t, '\'', "string"); err != nil {
		return err
	}
	if len(t.Text)%2 != 0 || strings.Trim(t.Text, "0123456789abcdefABCDEF") != "" {
		return Errorf(t.Position, "A binary string must have an even number of hexadecimal digits.")
	}
	return nil
}

// readUnicode reads U&'...', with its UESCAPE clause, if any.
func (s *scanner) readUnicode(t *Token) error {
	t.Kind = String
	s.take(2)
	if err := s.readQuoted(t, '\'', "string"); err != nil {
		return err
	}
	escape, err := s.readEscapeClause()
	if err != nil {
		return err
	}
	text, ok := unescape(t.Text, escape)
	if !ok {
		return Errorf(t.Position, "In a Unicode string, %q must be followed by four hexadecimal digits or by itself.", escape)
	}
	t.Text = text
	return nil
}

// readEscapeClause returns the character that UESCAPE names, else a backslash.
func (s *scanner) readEscapeClause() (rune, error) {
	before := *s
	if err := s.skip(); err != nil {
		return 0, err
	}
	const clause = "UESCAPE"
	if len(s.rest()) < len(clause) || !strings.EqualFold(s.rest()[:len(clause)], clause) {
		*s = before
		return '\\', nil
	}
	s.take(len(clause))
	if err := s.skip(); err != nil {
		return 0, err
	}
	t := Token{Position: s.position}
	if s.peek() != '\'' {
		return 0, Errorf(t.Position, "UESCAPE requires a string of one character.")
	}
	if err := s.readQuoted(&t, '\'', "string"); err != nil {
		return 0, err
	}
	if utf8.RuneCountInString(t.Text) != 1 || strings.ContainsAny(t.Text, "0123456789abcdefABCDEF+'\" \t\n") {
		return 0, Errorf(t.Position, "UESCAPE requires a string of one character that is not a hexadecimal digit, plus sign, quote or space.")
	}
	r, _ := utf8.DecodeRuneInString(t.Text)
	return r, nil
}

func unescape(text string, escape rune) (string, bool) {
	var out strings.Builder
	mark := string(escape)
	for {
		before, after, found := strings.Cut(text, mark)
		out.WriteString(before)
		if !found {
			return out.String(), true
		}
		if rest, doubled := strings.CutPrefix(after, mark); doubled {
			out.WriteString(mark)
			text = rest
			continue
		}
		if len(after) < 4 {
			return "", false
		}
		code, err := strconv.ParseUint(after[:4], 16, 32)
		if err != nil || !utf8.ValidRune(rune(code)) {
			return "", false
		}
		out.WriteRune(rune(code))
		text = after[4:]
	}
}

// QuoteIdentifier writes an identifier in backticks.
func QuoteIdentifier(name string) string {
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// QuoteString writes a string in single quotes.
func QuoteString(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
