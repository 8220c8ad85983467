package statement

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// reportedTraits are the traits in the status of a statement's object; nil where
// there are none.
func reportedTraits(status openjson.Object) *cmfv1.StatementTraits {
	reported, ok := status["traits"].(openjson.Object)
	if !ok {
		return nil
	}
	traits := &cmfv1.StatementTraits{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(openjson.Text(reported)), traits); err != nil {
		return nil // traits of another form are ignored
	}
	return traits
}

// traitsOf are the traits of a statement: those that Flink's planner reported, and
// for the rest those that follow from the text.
func traitsOf(record *storev1.StatementRecord, reported *storev1.StatusRecord) *cmfv1.StatementTraits {
	planned := reported.GetTraits()
	if planned == nil || record.GetTraits() == nil {
		return record.GetTraits()
	}
	out := proto.CloneOf(record.GetTraits())
	if planned.IsBounded != nil {
		out.IsBounded = planned.IsBounded
	}
	if planned.IsAppendOnly != nil {
		out.IsAppendOnly = planned.IsAppendOnly
	}
	if len(planned.GetUpsertColumns()) > 0 {
		out.UpsertColumns = planned.GetUpsertColumns()
	}
	if planned.GetSchema() != nil {
		out.Schema = planned.GetSchema()
	}
	return out
}
