package fields

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// selectPaths gives the parts of a JSON object that the paths lead to, and
// whether there are any. A path leads to a value if the keys on the way to it,
// joined by dots, make up the path; so keys that contain dots need no quoting.
// Paths go through arrays into each element. The order of keys, the digits of
// numbers and the spelling of strings stay as they are. Text that is not JSON
// has no parts.
func selectPaths(object string, paths []string) (string, bool) {
	decoder := jsontext.NewDecoder(strings.NewReader(object),
		jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if decoder.PeekKind() != '{' {
		return "", false
	}
	s := selection{decoder: decoder}
	found := s.object(paths)
	if s.err != nil || !found {
		return "", false
	}
	return s.out.String(), true
}

// selection copies from the decoder to out. After an error it only unwinds.
type selection struct {
	decoder *jsontext.Decoder
	out     bytes.Buffer
	err     error
}

// value copies what the paths lead to in the next value. It writes nothing
// where that is nothing.
func (s *selection) value(paths []string) bool {
	switch s.decoder.PeekKind() {
	case '{':
		return s.object(paths)
	case '[':
		return s.array(paths)
	default:
		s.skip()
		return false
	}
}

func (s *selection) object(paths []string) bool {
	start := s.out.Len()
	s.token()
	s.out.WriteByte('{')
	found := false
	for s.more('}') {
		mark := s.out.Len()
		if found {
			s.out.WriteByte(',')
		}
		name := s.copy()
		s.out.WriteByte(':')
		whole, below := choose(paths, name)
		switch {
		case whole:
			s.copy()
			found = true
		case len(below) > 0 && s.value(below):
			found = true
		default:
			if len(below) == 0 {
				s.skip()
			}
			s.out.Truncate(mark)
		}
	}
	s.token()
	s.out.WriteByte('}')
	if !found {
		s.out.Truncate(start)
	}
	return found
}

// array keeps every element that is an object or an array, empty where nothing
// in it was chosen, so that they can be counted.
func (s *selection) array(paths []string) bool {
	start := s.out.Len()
	s.token()
	s.out.WriteByte('[')
	found, first := false, true
	for s.more(']') {
		kind := s.decoder.PeekKind()
		if kind != '{' && kind != '[' {
			s.skip()
			continue
		}
		if !first {
			s.out.WriteByte(',')
		}
		first = false
		switch {
		case s.value(paths):
			found = true
		case kind == '{':
			s.out.WriteString("{}")
		default:
			s.out.WriteString("[]")
		}
	}
	s.token()
	s.out.WriteByte(']')
	if !found {
		s.out.Truncate(start)
	}
	return found
}

// choose reports whether a path ends at the key, and returns the remainders of the
// paths that continue below it.
func choose(paths []string, key string) (whole bool, below []string) {
	for _, path := range paths {
		if path == key {
			return true, nil
		}
		if rest, ok := strings.CutPrefix(path, key); ok && rest[0] == '.' {
			below = append(below, rest[1:])
		}
	}
	return false, below
}

// more tells that the object or array has not come to its end.
func (s *selection) more(end jsontext.Kind) bool {
	if s.err != nil {
		return false
	}
	kind := s.decoder.PeekKind()
	return kind != end && kind != 0
}

func (s *selection) token() {
	if s.err == nil {
		_, s.err = s.decoder.ReadToken()
	}
}

func (s *selection) skip() {
	if s.err == nil {
		s.err = s.decoder.SkipValue()
	}
}

// copy writes the next value as it stands, and gives its content if it is a
// string.
func (s *selection) copy() string {
	if s.err != nil {
		return ""
	}
	value, err := s.decoder.ReadValue()
	if err != nil {
		s.err = err
		return ""
	}
	s.out.Write(value)
	if value.Kind() != '"' {
		return ""
	}
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}
