package rules

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// ReportedTraits are the traits in the status of a statement's object; nil
// where there are none.
func ReportedTraits(status openjson.Object) *cmfv1.StatementTraits {
	told, ok := status["traits"].(openjson.Object)
	if !ok {
		return nil
	}
	traits := &cmfv1.StatementTraits{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(openjson.Text(told)), traits); err != nil {
		return nil // an agent that sends something else has nothing to say
	}
	return traits
}

// StatementTraits are the traits of a statement: what Flink's planner told, and
// what could be told from the text of the rest.
func StatementTraits(record *storev1.StatementRecord, reported *storev1.StatusRecord) *cmfv1.StatementTraits {
	told := reported.GetTraits()
	if told == nil || record.GetTraits() == nil {
		return record.GetTraits()
	}
	out := proto.CloneOf(record.GetTraits())
	if told.IsBounded != nil {
		out.IsBounded = told.IsBounded
	}
	if told.IsAppendOnly != nil {
		out.IsAppendOnly = told.IsAppendOnly
	}
	if len(told.GetUpsertColumns()) > 0 {
		out.UpsertColumns = told.GetUpsertColumns()
	}
	if told.GetSchema() != nil {
		out.Schema = told.GetSchema()
	}
	return out
}
