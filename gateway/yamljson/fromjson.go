package yamljson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// AppendYAML appends valid JSON as block-style YAML.
func AppendYAML(dst, json []byte) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(json))
	root, err := node(d)
	if err != nil {
		return dst, fmt.Errorf("read JSON to write it as YAML: %w", err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return dst, errors.New("read JSON to write it as YAML: more than one value")
	}
	out := bytes.NewBuffer(dst)
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return dst, fmt.Errorf("write YAML: %w", err)
	}
	if err := e.Close(); err != nil {
		return dst, fmt.Errorf("write YAML: %w", err)
	}
	return out.Bytes(), nil
}

func node(d *jsontext.Decoder) (*yaml.Node, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case jsontext.KindBeginObject:
		return collection(d, yaml.MappingNode, "!!map", jsontext.KindEndObject)
	case jsontext.KindBeginArray:
		return collection(d, yaml.SequenceNode, "!!seq", jsontext.KindEndArray)
	case jsontext.KindString:
		return stringNode(token.String()), nil
	default:
		// Numbers, booleans and null are the same in YAML. Without a tag they
		// are written as they stand.
		return &yaml.Node{Kind: yaml.ScalarNode, Value: token.String()}, nil
	}
}

func collection(d *jsontext.Decoder, kind yaml.Kind, tag string, end jsontext.Kind) (*yaml.Node, error) {
	n := &yaml.Node{Kind: kind, Tag: tag}
	for d.PeekKind() != end {
		child, err := node(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err := d.ReadToken()
	return n, err
}

// sexagesimal is what YAML 1.1 takes for a number in base 60. This package does
// not, but others may.
var sexagesimal = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9]*)?$`)

// stringNode is a string that stays one for every reader: whatever this
// package or another would take for something else is quoted.
func stringNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if p, err := plain(n); err != nil || p.kind != text || sexagesimal.MatchString(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}
