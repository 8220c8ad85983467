// Package yamljson translates YAML text to JSON text and back.
//
// Numbers keep their digits and objects the order of their keys in both
// directions. Plain scalars mean what they mean to Kubernetes (YAML 1.1 as
// sigs.k8s.io/yaml has it: yes, on and y are booleans, 0644 is octal), so that
// a manifest gives the same resource here and through kubectl.
package yamljson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// Limits bound what a document may cost.
type Limits struct {
	// Depth is how deeply mappings and sequences may nest once aliases are
	// followed; the outermost one is at depth 1.
	Depth int
	// Nodes is about how many scalars, mappings and sequences a document may
	// hold.
	Nodes int
	// Expansion is how many nodes and bytes aliases and merge keys may add.
	Expansion int
}

// DefaultLimits suit documents of a few MiB. A node costs some 200 bytes of
// memory while the document is read.
var DefaultLimits = Limits{Depth: 64, Nodes: 250_000, Expansion: 1 << 20}

// Error describes what is wrong with a document, to the client.
type Error struct {
	message string
}

// Error is a sentence.
func (e *Error) Error() string { return e.message }

func invalid(format string, args ...any) error {
	return &Error{"The body is not valid YAML: " + fmt.Sprintf(format, args...) + "."}
}

// at is invalid with the line of a node.
func at(n *yaml.Node, format string, args ...any) error {
	return invalid("line %d: "+format, append([]any{n.Line}, args...)...)
}

// AppendJSON appends the JSON of the one document in text; documents that are
// empty do not count, and no document at all is null. Every error is an
// *Error.
func AppendJSON(dst, text []byte, limits Limits) ([]byte, error) {
	if !utf8.Valid(text) {
		return dst, invalid("it is not UTF-8")
	}
	if separators(text) > limits.Nodes {
		return dst, invalid("it has too many values; send it as JSON")
	}
	root, err := parse(text)
	if err != nil {
		return dst, err
	}
	if root == nil {
		return append(dst, "null"...), nil
	}
	w := writer{limits: limits}
	return w.node(dst, root, 0)
}

// separators counts what can stand between two nodes, of which there are at
// most twice as many. Reading YAML takes memory by the node, many times the
// size of the text, so that the count comes first.
func separators(text []byte) int {
	n := 1
	for i, c := range text {
		switch c {
		case ',', '\n', '\r', '[', '{':
			n++
		case ':', '-', '?':
			if i+1 == len(text) || strings.IndexByte(" \t\r\n,[]{}\"'", text[i+1]) >= 0 || i > 0 && (text[i-1] == '"' || text[i-1] == '\'') {
				n++
			}
		}
	}
	return n
}

// parse gives the content of the one document that is not empty.
func parse(text []byte) (*yaml.Node, error) {
	var root *yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		if err != nil {
			return nil, invalid("%s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
			continue
		}
		content := document.Content[0]
		if content.Kind == yaml.ScalarNode && content.Tag == "!!null" {
			continue
		}
		if root != nil {
			return nil, at(content, "there must be one document only")
		}
		root = content
	}
}

// writer holds what one document has cost so far.
type writer struct {
	limits   Limits
	aliases  int // how many are being followed now
	expanded int
}

// node appends the JSON of a node. depth is how many mappings and sequences
// are around it.
func (w *writer) node(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	if err := w.charge(n); err != nil {
		return dst, err
	}
	switch n.Kind {
	case yaml.AliasNode:
		w.aliases++
		defer func() { w.aliases-- }()
		return w.node(dst, n.Alias, depth)
	case yaml.ScalarNode:
		return appendScalar(dst, n)
	}
	if depth++; depth > w.limits.Depth {
		return dst, at(n, "it is nested more than %d levels deep", w.limits.Depth)
	}
	if n.Kind == yaml.SequenceNode {
		return w.sequence(dst, n, depth)
	}
	return w.mapping(dst, n, depth)
}

// charge counts a node that is there only because an alias repeats it. A node
// costs at least 1, so that cheap repetition is bounded too.
func (w *writer) charge(n *yaml.Node) error {
	if w.aliases == 0 {
		return nil
	}
	if w.expanded += 1 + len(n.Value); w.expanded > w.limits.Expansion {
		return at(n, "its aliases expand to too much")
	}
	return nil
}

func (w *writer) sequence(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	if err := checkTag(n, "!!seq"); err != nil {
		return dst, err
	}
	dst = append(dst, '[')
	for i, item := range n.Content {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = w.node(dst, item, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (w *writer) mapping(dst []byte, n *yaml.Node, depth int) ([]byte, error) {
	entries, err := w.entries(n, depth)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst, _ = jsontext.AppendQuote(dst, e.key) // the text is UTF-8
		dst = append(dst, ':')
		// What a merge brought in was written elsewhere.
		if e.merged {
			w.aliases++
		}
		dst, err = w.node(dst, e.value, depth)
		if e.merged {
			w.aliases--
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// checkTag refuses explicit tags other than the one JSON can express.
func checkTag(n *yaml.Node, want string) error {
	if tag := n.ShortTag(); tag != want {
		return at(n, "the tag %q is not supported", tag)
	}
	return nil
}
