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

// reportExceptions reports the exceptions of a job in the status and, as the
// operator does, as events. It returns the message of the newest one; empty if
// there is none or the job is no longer known.
func (s *statement) reportExceptions(ctx context.Context, job string) string {
	s.mu.Lock()
	revision := s.desired.revision
	s.mu.Unlock()
	if revision == nil {
		return ""
	}
	ends, err := s.connect(ctx, revision.spec)
	if err != nil {
		return ""
	}
	history, err := ends.rest.Exceptions(ctx, job)
	if err != nil {
		s.log.Debug("failed to read the exceptions of a job", "job", job, "error", err)
		return ""
	}
	exceptions := make([]exception, 0, len(history))
	for _, entry := range history {
		exceptions = append(exceptions, readException(job, entry))
	}
	if len(exceptions) == 0 {
		return ""
	}
	s.update(func(st *status) { st.Exceptions = exceptions })
	if reports := s.driver.reporter(); reports != nil {
		for i, e := range exceptions {
			reports.Event(&agentv1.EventReport{
				Id: e.ID, Ref: s.ref, OwnerUid: s.id.owner, Source: agentv1.EventSource_EVENT_SOURCE_KUBERNETES,
				Type: "Warning", Reason: "JobException", Message: e.Name + ": " + e.Message,
				Time: timestamppb.New(history[i].Time()),
			})
		}
	}
	return exceptions[0].Message
}

func readException(job string, entry flinkrest.Exception) exception {
	class, message := gateway.Cause(entry.Stack)
	if class == "" {
		class = entry.Name
	}
	if message == "" {
		message = class
	}
	sum := sha256.Sum256([]byte(entry.Stack))
	return exception{
		ID:   fmt.Sprintf("%s/%d/%s", job, entry.Timestamp, hex.EncodeToString(sum[:4])),
		Name: class, Message: message, Timestamp: stamp(entry.Time()),
	}
}
