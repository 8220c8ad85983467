package gateway

import (
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// DataType is a logical type in the format of the gateway.
type DataType struct {
	Type                string    `json:"type"`
	Nullable            *bool     `json:"nullable"`
	Length              *int32    `json:"length"`
	Precision           *int32    `json:"precision"`
	Scale               *int32    `json:"scale"`
	FractionalPrecision *int32    `json:"fractionalPrecision"`
	Resolution          string    `json:"resolution"`
	KeyType             *DataType `json:"keyType"`
	ValueType           *DataType `json:"valueType"`
	ElementType         *DataType `json:"elementType"`
	Fields              []Field   `json:"fields"`
}

// Field is a field of a row.
type Field struct {
	Name        string   `json:"name"`
	FieldType   DataType `json:"fieldType"`
	Description string   `json:"description"`
}

// Contract returns the type in the format of the REST API.
func (t *DataType) Contract() *cmfv1.DataType {
	if t == nil {
		return nil
	}
	out := &cmfv1.DataType{
		Type: t.Type, Nullable: t.Nullable, Length: t.Length, Precision: t.Precision, Scale: t.Scale,
		FractionalPrecision: t.FractionalPrecision, Resolution: t.Resolution,
		KeyType: t.KeyType.Contract(), ValueType: t.ValueType.Contract(), ElementType: t.ElementType.Contract(),
	}
	if t.Type == "NULL" && t.Nullable == nil {
		nullable := true
		out.Nullable = &nullable
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		out.Fields = append(out.Fields, &cmfv1.DataTypeField{
			Name: f.Name, FieldType: f.FieldType.Contract(), Description: f.Description,
		})
	}
	return out
}

// Schema returns a list of columns in the format of the REST API.
func Schema(columns []Column) *cmfv1.ResultSchema {
	out := &cmfv1.ResultSchema{}
	for i := range columns {
		out.Columns = append(out.Columns, &cmfv1.ResultSchemaColumn{Name: columns[i].Name, Type: columns[i].LogicalType.Contract()})
	}
	return out
}
