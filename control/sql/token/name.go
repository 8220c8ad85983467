package token

import "strings"

// Name is the name of an object in one to three parts: table, database.table
// or catalog.database.table.
type Name struct {
	Parts    []string
	Position Position
}

// String writes the name with every part quoted.
func (n Name) String() string { return QuoteParts(n.Parts...) }

// QuoteParts writes the parts of a name in backticks, joined by dots.
func QuoteParts(parts ...string) string {
	quoted := make([]string, len(parts))
	for i, part := range parts {
		quoted[i] = QuoteIdentifier(part)
	}
	return strings.Join(quoted, ".")
}

// IsIdentifier reports whether the token can be the name of something.
func (t Token) IsIdentifier() bool {
	return t.Kind == Quoted || t.Kind == Word && !Reserved(t.Keyword)
}

// ExpectIdentifier consumes an identifier. Words that Flink reserves have to be
// quoted.
func (r *Reader) ExpectIdentifier(what string) (string, error) {
	t := r.Peek()
	if t.IsIdentifier() {
		return r.Next().Text, nil
	}
	if t.Kind == Word {
		return "", Errorf(t.Position, "%s is a reserved word: to use it as %s, quote it with backticks.", t.Keyword, what)
	}
	return "", r.Unexpected(what)
}

// ExpectName consumes a name of at most so many parts.
func (r *Reader) ExpectName(what string, most int) (Name, error) {
	name := Name{Position: r.Peek().Position}
	for {
		part, err := r.ExpectIdentifier(what)
		if err != nil {
			return Name{}, err
		}
		name.Parts = append(name.Parts, part)
		if !r.AcceptSymbol(".") {
			break
		}
	}
	if len(name.Parts) > most {
		return Name{}, Errorf(name.Position, "%s has %d parts; %s has at most %d.", name, len(name.Parts), what, most)
	}
	return name, nil
}
