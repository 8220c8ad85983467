package metadata

import (
	"encoding/json"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/sql"
	"github.com/openweir/weir/control/sql/logical"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Result is the result of a statement.
type Result struct {
	Kind    sql.Kind
	Columns []*cmfv1.ResultSchemaColumn
	// Rows have a cell a column; nil is NULL.
	Rows [][]*string
	// Detail says in a sentence what DDL did; empty for others.
	Detail string
}

// Action is a change of a table.
type Action int

// The actions.
const (
	// Create writes a table that must not exist.
	Create Action = iota
	// Replace writes a table that must be unchanged since it was read.
	Replace
	// Drop deletes a table.
	Drop
)

// Effect is a change made by DDL. It must be written only if the table has not
// changed since Catalogs returned it.
type Effect struct {
	Action Action
	Path   Path
	// Table is nil for Drop.
	Table *storev1.TableRecord
}

// Traits are those of a statement that is answered at once.
func (r *Result) Traits() *cmfv1.StatementTraits {
	return &cmfv1.StatementTraits{
		SqlKind:      string(r.Kind),
		IsBounded:    proto.Bool(true),
		IsAppendOnly: proto.Bool(true),
		Schema:       &cmfv1.ResultSchema{Columns: r.Columns},
	}
}

// Data are the rows as results carry them: {"op":0,"row":["a",null]}.
func (r *Result) Data() []*cmfv1.JsonObject {
	data := make([]*cmfv1.JsonObject, len(r.Rows))
	for i, row := range r.Rows {
		// Strings always have a JSON form.
		text, _ := json.Marshal(struct {
			Op  int       `json:"op"`
			Row []*string `json:"row"`
		}{Row: row})
		data[i] = &cmfv1.JsonObject{Json: string(text)}
	}
	return data
}

func column(name, root string) *cmfv1.ResultSchemaColumn {
	dataType := logical.Of(root)
	if root == logical.Varchar {
		dataType = logical.String()
	}
	return &cmfv1.ResultSchemaColumn{Name: name, Type: dataType}
}

// single is a result of one column of strings.
func single(kind sql.Kind, name string, values ...string) *Result {
	result := &Result{Kind: kind, Columns: []*cmfv1.ResultSchemaColumn{column(name, logical.Varchar)}}
	for i := range values {
		result.Rows = append(result.Rows, []*string{&values[i]})
	}
	return result
}

// done is the result of DDL, the same as Flink's.
func done(kind sql.Kind, detail string) *Result {
	result := single(kind, "result", "OK")
	result.Detail = detail
	return result
}
