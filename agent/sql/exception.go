package sql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/agent/sql/gateway"
	flinkrest "github.com/openweir/weir/flink/rest"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// tellExceptions reports the exceptions of a job, and each of them as an event,
// as the operator does. It returns what the newest one says. A job that is not
// known any more has none.
func (s *statement) tellExceptions(ctx context.Context, job string) string {
	s.mu.Lock()
	want := s.want
	s.mu.Unlock()
	if want == nil {
		return ""
	}
	ends, err := s.connect(ctx, want.spec)
	if err != nil {
		return ""
	}
	history, err := ends.rest.Exceptions(ctx, job)
	if err != nil {
		s.log.Debug("could not read the exceptions of a job", "job", job, "error", err)
		return ""
	}
	told := make([]exception, 0, len(history))
	for _, entry := range history {
		told = append(told, readException(job, entry))
	}
	if len(told) == 0 {
		return ""
	}
	s.update(func(st *status) { st.Exceptions = told })
	if reports := s.driver.reporter(); reports != nil {
		for i, e := range told {
			reports.Event(&agentv1.EventReport{
				Id: e.ID, Ref: s.ref, OwnerUid: s.id.owner, Source: agentv1.EventSource_EVENT_SOURCE_KUBERNETES,
				Type: "Warning", Reason: "JobException", Message: e.Name + ": " + e.Message,
				Time: timestamppb.New(history[i].Time()),
			})
		}
	}
	return told[0].Message
}

func readException(job string, entry flinkrest.Exception) exception {
	class, sentence := gateway.Cause(entry.Stack)
	if class == "" {
		class = entry.Name
	}
	if sentence == "" {
		sentence = class
	}
	sum := sha256.Sum256([]byte(entry.Stack))
	return exception{
		ID:   fmt.Sprintf("%s/%d/%s", job, entry.Timestamp, hex.EncodeToString(sum[:4])),
		Name: class, Message: sentence, Timestamp: stamp(entry.Time()),
	}
}
