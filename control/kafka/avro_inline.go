package kafka

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hamba/avro/v2"
)

// readable is a schema as Flink can be given it: standing alone, with logical
// types that Flink reads right, and with records that Flink's SQL can have. It
// is the text of the registry where that is such a schema.
func readable(s *subject) ([]byte, avro.Schema, error) {
	in := inliner{defined: map[string]any{}, written: map[string]any{}}
	tree, err := in.inlined(s)
	if err != nil {
		return nil, nil, err
	}
	text, schema, err := parsed(tree)
	if err != nil {
		return nil, nil, err
	}
	n := nullables{records: map[string]bool{}, seen: map[string]bool{}}
	n.mark(schema, false)
	if in.loosen(n.records) {
		if text, schema, err = parsed(tree); err != nil {
			return nil, nil, err
		}
	} else if !in.changed {
		text = []byte(s.text)
	}
	return text, schema, nil
}

func parsed(tree any) ([]byte, avro.Schema, error) {
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, nil, fmt.Errorf("write the schema: %w", err)
	}
	schema, err := avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, nil, fmt.Errorf("the schema is not valid: %w", brief(err, timeout))
	}
	return text, schema, nil
}

// nullables finds the records that can be null. Until Flink 2.0, its SQL has no
// such row with a field that cannot be null.
type nullables struct {
	records map[string]bool
	// seen are the records that were looked into, as they were then.
	seen map[string]bool
}

func (n nullables) mark(schema avro.Schema, nullable bool) {
	switch s := schema.(type) {
	case *avro.UnionSchema:
		for _, branch := range s.Types() {
			n.mark(branch, nullable || s.Nullable())
		}
	case *avro.ArraySchema:
		n.mark(s.Items(), false)
	case *avro.MapSchema:
		n.mark(s.Values(), false)
	case *avro.RefSchema:
		n.mark(s.Schema(), nullable)
	case *avro.RecordSchema:
		nullable = nullable || n.records[s.FullName()]
		visit := fmt.Sprint(s.FullName(), nullable)
		if n.seen[visit] {
			return
		}
		n.seen[visit] = true
		if nullable {
			n.records[s.FullName()] = true
		}
		for _, f := range s.Fields() {
			n.mark(f.Type(), nullable)
		}
	}
}

// loosen lets every field of some records be null, and tells whether one could
// not be before. Whatever was written still reads as this.
func (in *inliner) loosen(records map[string]bool) (changed bool) {
	for name := range records {
		definition := object(in.written[name])
		fields, _ := definition["fields"].([]any)
		for _, f := range fields {
			f := object(f)
			switch t := f["type"].(type) {
			case []any:
				if slices.Contains(t, any("null")) {
					continue
				}
				f["type"] = append(t, "null")
			default:
				f["type"] = []any{"null", t}
				if _, given := f["default"]; given {
					// A default is of the first type.
					f["type"] = []any{t, "null"}
				}
			}
			changed = true
		}
	}
	return changed
}

// inlined is a schema with the definitions of other subjects where they are
// first named.
func (in *inliner) inlined(s *subject) (any, error) {
	for _, ref := range s.references {
		tree, err := decode(ref.text)
		if err != nil {
			return nil, fmt.Errorf("the schema %s is not valid: %w", ref.name, brief(err, timeout))
		}
		in.define(tree, "")
	}
	tree, err := decode(s.text)
	if err != nil {
		return nil, fmt.Errorf("the schema is not valid: %w", brief(err, timeout))
	}
	in.changed = in.changed || len(s.references) > 0
	return in.expand(tree, "", 0)
}

// decode keeps numbers as they are written.
func decode(text string) (any, error) {
	// A schema may be the bare name of a type, which is no JSON.
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var tree any
	err := decoder.Decode(&tree)
	return tree, err
}

type inliner struct {
	// defined are the definitions of other subjects by full name.
	defined map[string]any
	// written are the definitions of the schema as far as it was gone through.
	written map[string]any
	// changed tells that the schema is no longer the registry's.
	changed bool
}

// define takes note of what a schema of another subject defines, at its top or
// as the branches of a union there. What is defined within goes with it.
func (in *inliner) define(tree any, namespace string) {
	switch t := tree.(type) {
	case []any:
		for _, branch := range t {
			in.define(branch, namespace)
		}
	case map[string]any:
		if name, inner := fullName(t, namespace); name != "" {
			t["name"], t["namespace"] = name[strings.LastIndex(name, ".")+1:], inner
			in.defined[name] = t
		}
	}
}

// fullName is the name of a record, an enumeration or a fixed, and the namespace
// that holds within it.
func fullName(definition map[string]any, namespace string) (name, inner string) {
	switch definition["type"] {
	case "record", "error", "enum", "fixed":
	default:
		return "", namespace
	}
	name, _ = definition["name"].(string)
	if at := strings.LastIndex(name, "."); at >= 0 {
		return name, name[:at]
	}
	if given, ok := definition["namespace"].(string); ok {
		namespace = given
	}
	if namespace == "" {
		return name, ""
	}
	return namespace + "." + name, namespace
}

// keys of a definition below which are schemas; fields are special.
var schemaKeys = []string{"type", "items", "values"}

// asNumbers are the logical types that have to be read as the numbers that they
// are: Flink's format takes microseconds for milliseconds, and its SQL has no
// TIME(3).
var asNumbers = map[any]bool{"timestamp-micros": true, "time-micros": true, "time-millis": true}

func (in *inliner) expand(tree any, namespace string, depth int) (any, error) {
	if depth > 4*maxDepth {
		return nil, fmt.Errorf("the schema nests too deep")
	}
	switch t := tree.(type) {
	case string:
		return in.named(t, namespace, depth)
	case []any:
		for i := range t {
			var err error
			if t[i], err = in.expand(t[i], namespace, depth+1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		return t, in.expandMap(t, namespace, depth)
	}
	return tree, nil
}

func (in *inliner) expandMap(t map[string]any, namespace string, depth int) error {
	name, inner := fullName(t, namespace)
	if name != "" {
		in.written[name] = t
	}
	if asNumbers[t["logicalType"]] {
		delete(t, "logicalType")
		in.changed = true
	}
	for _, key := range schemaKeys {
		if _, given := t[key]; !given || (key == "type" && name != "") {
			continue
		}
		expanded, err := in.expand(t[key], inner, depth+1)
		if err != nil {
			return err
		}
		t[key] = expanded
	}
	fields, _ := t["fields"].([]any)
	for _, f := range fields {
		f, ok := f.(map[string]any)
		if !ok {
			return fmt.Errorf("the record %s has a field that is no object", name)
		}
		expanded, err := in.expand(f["type"], inner, depth+1)
		if err != nil {
			return err
		}
		f["type"] = expanded
	}
	return nil
}

// named puts the definition where a name is first used.
func (in *inliner) named(name, namespace string, depth int) (any, error) {
	for _, full := range []string{namespace + "." + name, name} {
		definition, found := in.defined[full]
		if !found || in.written[full] != nil {
			continue
		}
		return in.expand(definition, "", depth+1)
	}
	return name, nil
}
