package kafka

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"
)

// Avro's types that have parts, or names.
const (
	avroRecord = "record"
	avroError  = "error" // a record by another name
	avroEnum   = "enum"
	avroFixed  = "fixed"
	avroArray  = "array"
	avroMap    = "map"
	avroUnion  = "union"
	avroNull   = "null"
)

// avroSchema is a schema that Flink can be given: self-contained, without logical types that Flink
// misreads, and with records that Flink's SQL can represent.
type avroSchema struct {
	root *avro.SchemaNode
	// definitions has the records, enumerations and fixed by full name.
	definitions map[string]*avro.SchemaNode
	// changed means that the schema is no longer the registry's.
	changed bool
}

// parseAvro parses the schema of a subject and adapts it to Flink. The text is the registry's if
// nothing had to change.
func parseAvro(s *subject) (schema *avroSchema, text string, err error) {
	var cache avro.SchemaCache
	for _, ref := range s.references {
		if _, err := cache.Parse(ref.text); err != nil {
			return nil, "", fmt.Errorf("the schema %s is not valid: %w", ref.name, oneLine(err))
		}
	}
	parsed, err := cache.Parse(s.text)
	if err != nil {
		return nil, "", fmt.Errorf("the schema is not valid: %w", oneLine(err))
	}
	schema = &avroSchema{root: parsed.Root(), definitions: map[string]*avro.SchemaNode{}, changed: len(s.references) > 0}
	schema.resolve(schema.root, "")
	nullable := nullableRecords{schema: schema, names: map[string]bool{}, seen: map[visit]bool{}}
	nullable.find(schema.root, false)
	schema.makeNullable(nullable.names)
	if !schema.changed {
		return schema, s.text, nil
	}
	if parsed, err = schema.root.Schema(); err != nil {
		return nil, "", fmt.Errorf("write the schema: %w", oneLine(err))
	}
	return schema, parsed.String(), nil
}

// asNumbers are the logical types that have to be read as plain numbers: Flink's format takes
// microseconds for milliseconds, and its SQL has no TIME(3).
var asNumbers = map[string]bool{"timestamp-micros": true, "time-micros": true, "time-millis": true}

// resolve collects the definitions, makes references to them full names, and drops the logical
// types that Flink misreads. A definition precedes all references to it.
func (a *avroSchema) resolve(node *avro.SchemaNode, namespace string) {
	if asNumbers[node.LogicalType] {
		*node, a.changed = avro.SchemaNode{Type: node.Type, Props: node.Props}, true
	}
	switch node.Type {
	case avroRecord, avroError, avroEnum, avroFixed:
		name := fullName(node)
		// A copy, since the node moves when a union takes its place. The fields are the same.
		definition := *node
		a.definitions[name] = &definition
		namespace = name[:max(strings.LastIndex(name, "."), 0)]
	default:
		if full := namespace + "." + node.Type; a.definitions[full] != nil {
			node.Type = full
		}
	}
	for i := range node.Fields {
		a.resolve(&node.Fields[i].Type, namespace)
	}
	for i := range node.Branches {
		a.resolve(&node.Branches[i], namespace)
	}
	for _, part := range []*avro.SchemaNode{node.Items, node.Values} {
		if part != nil {
			a.resolve(part, namespace)
		}
	}
}

func fullName(node *avro.SchemaNode) string {
	if node.Namespace == "" || strings.Contains(node.Name, ".") {
		return node.Name
	}
	return node.Namespace + "." + node.Name
}

// definition returns what a name refers to; every other node is its own definition.
func (a *avroSchema) definition(node *avro.SchemaNode) *avro.SchemaNode {
	if definition := a.definitions[node.Type]; definition != nil {
		return definition
	}
	return node
}

// nullableRecords finds the records that can be null. Before Flink 2.0, SQL had no such row with a
// field that cannot be null.
type nullableRecords struct {
	schema *avroSchema
	names  map[string]bool
	seen   map[visit]bool
}

type visit struct {
	record   string
	nullable bool
}

func (n nullableRecords) find(node *avro.SchemaNode, nullable bool) {
	switch node = n.schema.definition(node); node.Type {
	case avroUnion:
		for i := range node.Branches {
			n.find(&node.Branches[i], nullable || hasNull(node))
		}
	case avroArray:
		n.find(node.Items, false)
	case avroMap:
		n.find(node.Values, false)
	case avroRecord, avroError:
		name := fullName(node)
		nullable = nullable || n.names[name]
		if n.seen[visit{name, nullable}] {
			return
		}
		n.seen[visit{name, nullable}] = true
		if nullable {
			n.names[name] = true
		}
		for i := range node.Fields {
			n.find(&node.Fields[i].Type, nullable)
		}
	}
}

func hasNull(union *avro.SchemaNode) bool {
	return slices.ContainsFunc(union.Branches, func(b avro.SchemaNode) bool { return b.Type == avroNull })
}

// makeNullable lets every field of some records be null. Data that was written before still
// reads.
func (a *avroSchema) makeNullable(records map[string]bool) {
	null := avro.SchemaNode{Type: avroNull}
	for name := range records {
		fields := a.definitions[name].Fields
		for i := range fields {
			switch f := &fields[i]; {
			case f.Type.Type == avroUnion && hasNull(&f.Type):
				continue
			case f.Type.Type == avroUnion:
				f.Type.Branches = append(f.Type.Branches, null)
			case f.HasDefault:
				// A default is of the first type.
				f.Type = avro.SchemaNode{Type: avroUnion, Branches: []avro.SchemaNode{f.Type, null}}
			default:
				f.Type = avro.SchemaNode{Type: avroUnion, Branches: []avro.SchemaNode{null, f.Type}}
			}
			a.changed = true
		}
	}
}
