package token

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestScan(t *testing.T) {
	type tokens []Token
	tests := []struct {
		name, source string
		want         tokens
	}{
		{"nothing", " \n\t", nil},
		{"words in any case", "Select foo_1 $x ſet", tokens{
			{Kind: Word, Text: "Select", Keyword: "SELECT"}, {Kind: Word, Text: "foo_1", Keyword: "FOO_1"},
			{Kind: Word, Text: "$x", Keyword: "$X"}, {Kind: Word, Text: "ſet", Keyword: "ſET"},
		}},
		{"comments are ignored", "a--b\n/* c ; 'd */e//f", tokens{
			{Kind: Word, Text: "a", Keyword: "A"}, {Kind: Word, Text: "e", Keyword: "E"},
		}},
		{"a hint is a token", "/*+ OPTIONS('a*/b'='c') */", tokens{{Kind: Hint, Text: " OPTIONS('a*/b'='c') "}}},
		{"strings", "'it''s' '' 'a--b' N'n' _utf8'x'", tokens{
			{Kind: String, Text: "it's"}, {Kind: String}, {Kind: String, Text: "a--b"}, {Kind: String, Text: "n"}, {Kind: String, Text: "x"},
		}},
		{"Unicode strings", `U&'\00e9\\' u&'!00e9!!' uescape '!'`, tokens{{Kind: String, Text: `é\`}, {Kind: String, Text: "é!"}}},
		{"binary strings", "X'CAFE' x''", tokens{{Kind: Binary, Text: "CAFE"}, {Kind: Binary}}},
		{"quoted identifiers", "`select` `a``b`", tokens{{Kind: Quoted, Text: "select"}, {Kind: Quoted, Text: "a`b"}}},
		{"numbers", "1 1.5 .5 2. 1e10 1.5E-3", tokens{
			{Kind: Number, Text: "1"}, {Kind: Number, Text: "1.5"}, {Kind: Number, Text: ".5"}, {Kind: Number, Text: "2."},
			{Kind: Number, Text: "1e10"}, {Kind: Number, Text: "1.5E-3"},
		}},
		{"angle brackets stay apart", "a>>b<=c", tokens{
			{Kind: Word, Text: "a", Keyword: "A"}, {Kind: Symbol, Text: ">"}, {Kind: Symbol, Text: ">"},
			{Kind: Word, Text: "b", Keyword: "B"}, {Kind: Symbol, Text: "<="}, {Kind: Word, Text: "c", Keyword: "C"},
		}},
		{"parameters", "?||=>", tokens{{Kind: Symbol, Text: "?"}, {Kind: Symbol, Text: "||"}, {Kind: Symbol, Text: "=>"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Scan(test.source)
			if err != nil {
				t.Fatal(err)
			}
			if last := got[len(got)-1]; last.Kind != End {
				t.Fatalf("the last token is %v", last)
			}
			ignored := cmpopts.IgnoreFields(Token{}, "Start", "End", "Position")
			if diff := cmp.Diff(test.want, tokens(got[:len(got)-1]), ignored, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestScanErrors(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"string without end", "SELECT\n  'abc", "SQL parse failed at line 2, column 3: The string is not terminated."},
		{"identifier without end", "`a``", "SQL parse failed at line 1, column 1: The identifier is not terminated."},
		{"comment without end", "a /* b", "SQL parse failed at line 1, column 3: The comment is not terminated."},
		{"hint without end", "a /*+ b '*/'", "SQL parse failed at line 1, column 3: The hint is not terminated."},
		{"empty identifier", "é ``", "SQL parse failed at line 1, column 3: An identifier must not be empty."},
		{"double quotes", `"a"`, "SQL parse failed at line 1, column 1: Double quotes are not supported in Flink SQL: quote identifiers with backticks and strings with single quotes."},
		{"strange character", "a # b", "SQL parse failed at line 1, column 3: Unexpected character '#'."},
		{"broken UTF-8", "a \xff", "SQL parse failed at line 1, column 3: The text is not valid UTF-8."},
		{"broken UTF-8 in a string", "'\xff'", "SQL parse failed at line 1, column 1: The string is not valid UTF-8."},
		{"odd binary string", "X'ABC'", "SQL parse failed at line 1, column 1: A binary string must have an even number of hexadecimal digits."},
		{"broken Unicode string", `U&'\00'`, `SQL parse failed at line 1, column 1: In a Unicode string, '\\' must be followed by four hexadecimal digits or by itself.`},
		{"escape of two characters", `U&'' UESCAPE 'ab'`, `SQL parse failed at line 1, column 14: UESCAPE requires a string of one character that is not a hexadecimal digit, plus sign, quote or space.`},
		{"escape without a string", `U&'' UESCAPE 5`, `SQL parse failed at line 1, column 14: UESCAPE requires a string of one character.`},
		{"number followed by a letter", "1st", `SQL parse failed at line 1, column 1: The number "1" is followed by a letter: an identifier that starts with a digit must be quoted with backticks.`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Scan(test.source); err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

// What comes between tokens is nothing but white space and comments, and what
// QuoteIdentifier and QuoteString write is read as one token again.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"SELECT `a` FROM t -- x", "/*+ a('*/') */ 1.5e3", "U&'\\00e9' UESCAPE '!'", "'it''s' X'00' ?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		tokens, err := Scan(source)
		var wrong *Error
		if err != nil {
			if !errors.As(err, &wrong) || wrong.Position.Line < 1 || wrong.Position.Column < 1 {
				t.Fatalf("%v is no error with a position", err)
			}
			return
		}
		end := 0
		for _, token := range tokens {
			gap := strings.TrimSpace(source[end:token.Start])
			if gap != "" && !strings.HasPrefix(gap, "--") && !strings.HasPrefix(gap, "//") && !strings.HasPrefix(gap, "/*") {
				t.Fatalf("%q is lost", gap)
			}
			end = token.End
			if token.Kind == Quoted {
				again, err := Scan(QuoteIdentifier(token.Text))
				if err != nil || len(again) != 2 || again[0].Text != token.Text {
					t.Fatalf("%q is read again as %v, %v", token.Text, again, err)
				}
			}
			if token.Kind == String {
				again, err := Scan(QuoteString(token.Text))
				if err != nil || len(again) != 2 || again[0].Text != token.Text {
					t.Fatalf("%q is read again as %v, %v", token.Text, again, err)
				}
			}
		}
		if end != len(source) {
			t.Fatalf("%q is lost", source[end:])
		}
	})
}
