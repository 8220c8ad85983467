package kafka

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/openweir/weir/control/sql/token"
)

// maxProperties bounds the columns that a JSON Schema makes.
const maxProperties = 500

// jsonText is the text of a JSON document in the bytes of a column. The bytes
// may begin with a zero and four bytes of a schema's id, which Flink's json
// format does not skip. ISO-8859-1 maps every byte to a character, so that they can
// be removed by a regular expression.
func jsonText(column string) string {
	return `DECODE(ENCODE(REGEXP_REPLACE(DECODE(` + token.QuoteIdentifier(column) +
		`, 'ISO-8859-1'), '(?s)^\x00.{4}', ''), 'ISO-8859-1'), 'UTF-8')`
}

// property is a computed column for a property of an object.
type property struct {
	name, comment, expression string
}

// jsonProperties are the properties of the object that a JSON Schema describes,
// as columns computed from a column of bytes. Scalars have SQL's types; objects
// and arrays are JSON texts.
func jsonProperties(s *subject, column string) ([]property, error) {
	left := maxTypes
	r := jsonReader{documents: map[string]any{}, left: &left}
	root, err := r.parse("", s.text)
	if err != nil {
		return nil, err
	}
	for _, ref := range s.references {
		if _, err := r.parse(ref.name, ref.text); err != nil {
			return nil, err
		}
	}
	found := map[string]located{}
	if err := r.properties(located{root, ""}, found, 0); err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("it does not describe an object with properties")
	}
	if len(found) > maxProperties {
		return nil, fmt.Errorf("the number of properties, %d, exceeds the limit of %d", len(found), maxProperties)
	}
	text := jsonText(column)
	var out []property
	for _, name := range slices.Sorted(maps.Keys(found)) {
		at, ok := jsonPath(name)
		if !ok {
			continue
		}
		schema, err := r.deref(found[name], 0)
		if err != nil {
			return nil, fmt.Errorf("property %s: %w", name, err)
		}
		description, _ := object(schema.value)["description"].(string)
		out = append(out, property{name, description, expression(r.sqlType(schema, 0), text, token.QuoteString(at))})
	}
	return out, nil
}

// The SQL types of JSON's scalars. jsonOther is for what may be either.
const (
	jsonBoolean = "BOOLEAN"
	jsonInteger = "BIGINT"
	jsonNumber  = "DOUBLE"
	jsonString  = "STRING"
	jsonNested  = "nested"
	jsonOther   = "other"
)

// expression takes a value out of a text.
func expression(kind, text, path string) string {
	value := "JSON_VALUE(" + text + ", " + path + ")"
	nested := "JSON_QUERY(" + text + ", " + path + ")"
	switch kind {
	case jsonNested:
		return "TRY_CAST(" + nested + " AS STRING)"
	case jsonOther:
		return "TRY_CAST(COALESCE(" + value + ", " + nested + ") AS STRING)"
	default:
		return "TRY_CAST(" + value + " AS " + kind + ")"
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// jsonPath returns the path of a property of the root. It fails for names with quotes
// or backslashes, which cannot be escaped reliably in paths.
func jsonPath(name string) (string, bool) {
	if plainName.MatchString(name) {
		return "$." + name, true
	}
	return "$['" + name + "']", name != "" && !strings.ContainsAny(name, `'"\`)
}

// located is a schema and the name of its document, which its references are
// relative to.
type located struct {
	value    any
	document string
}

type jsonReader struct {
	documents map[string]any
	left      *int
}

func (r jsonReader) parse(name, text string) (any, error) {
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		return nil, fmt.Errorf("the schema is not valid JSON: %w", oneLine(err))
	}
	r.documents[name] = tree
	return tree, nil
}

func object(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// properties collects the properties of a schema and of the schemas it combines.
func (r jsonReader) properties(schema located, into map[string]located, depth int) error {
	if *r.left--; *r.left < 0 {
		return errTooLarge
	}
	schema, err := r.deref(schema, depth)
	if err != nil {
		return err
	}
	at := object(schema.value)
	for name, value := range object(at["properties"]) {
		into[name] = located{value, schema.document}
	}
	for _, part := range append(branches(at, "allOf"), alternative(at)...) {
		if err := r.properties(located{part, schema.document}, into, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func branches(schema map[string]any, key string) []any {
	all, _ := schema[key].([]any)
	return slices.Clip(all)
}

// alternative returns the only schema of oneOf or anyOf other than null, if there is
// exactly one.
func alternative(schema map[string]any) []any {
	for _, key := range []string{"oneOf", "anyOf"} {
		var others []any
		for _, branch := range branches(schema, key) {
			if object(branch)["type"] != "null" {
				others = append(others, branch)
			}
		}
		if len(others) == 1 {
			return others
		}
	}
	return nil
}

// deref resolves $ref.
func (r jsonReader) deref(schema located, depth int) (located, error) {
	for ; depth <= maxDepth; depth++ {
		ref, ok := object(schema.value)["$ref"].(string)
		if !ok {
			return schema, nil
		}
		document, fragment, _ := strings.Cut(ref, "#")
		if document == "" {
			document = schema.document
		}
		root, known := r.documents[document]
		if !known {
			return located{}, fmt.Errorf("$ref %q refers to an unknown schema", ref)
		}
		value, found := follow(root, fragment)
		if !found {
			return located{}, fmt.Errorf("$ref %q cannot be resolved", ref)
		}
		schema = located{value, document}
	}
	return located{}, fmt.Errorf("$ref is circular or nested too deeply")
}

// follow resolves a JSON pointer.
func follow(tree any, fragment string) (any, bool) {
	unescaped, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, false
	}
	for part := range strings.SplitSeq(strings.Trim(unescaped, "/"), "/") {
		if part == "" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch t := tree.(type) {
		case map[string]any:
			next, found := t[part]
			if !found {
				return nil, false
			}
			tree = next
		case []any:
			index, err := strconv.Atoi(part)
			if err != nil || index < 0 || index >= len(t) {
				return nil, false
			}
			tree = t[index]
		default:
			return nil, false
		}
	}
	return tree, true
}

// sqlType is the type of a property.
func (r jsonReader) sqlType(schema located, depth int) string {
	schema, err := r.deref(schema, depth)
	if err != nil || depth > maxDepth {
		return jsonOther
	}
	at := object(schema.value)
	if types := typesOf(at); len(types) == 1 {
		switch types[0] {
		case "boolean":
			return jsonBoolean
		case "integer":
			return jsonInteger
		case "number":
			return jsonNumber
		case "string":
			return jsonString
		case "object", "array":
			return jsonNested
		}
	}
	if only := alternative(at); len(only) == 1 {
		return r.sqlType(located{only[0], schema.document}, depth+1)
	}
	if at["properties"] != nil || at["items"] != nil {
		return jsonNested
	}
	return jsonOther
}

// typesOf returns the types other than null.
func typesOf(schema map[string]any) []string {
	var all []any
	switch t := schema["type"].(type) {
	case string:
		all = []any{t}
	case []any:
		all = t
	}
	var out []string
	for _, t := range all {
		if name, ok := t.(string); ok && name != "null" {
			out = append(out, name)
		}
	}
	return out
}
