package statement

import (
	"strings"
	"time"

	"github.com/openweir/weir/control/manifest"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

// observeJob takes from a report on the object of a statement's job the status,
// the phase that follows, and the job's exceptions.
func (s *Statements) observeJob(tx *store.Tx, record *store.Object[*storev1.StatementRecord], before *storev1.StatusRecord, report resource.Report) (*storev1.StatusRecord, error) {
	after := resource.Observe(before, report)
	extractTraits(after)
	concludePhase(record.Value(), before, after, isCurrent(report))
	s.appendExceptions(tx, report.Key, reportedExceptions(report, before, after))
	return after, nil
}

// observeCluster takes from a report on the session cluster of a statement what
// matters to the statement, whose status has it.
func (s *Statements) observeCluster(_ *store.Tx, record *store.Object[*storev1.StatementRecord], before *storev1.StatusRecord, report resource.Report) (*storev1.StatusRecord, error) {
	after := resource.CopyStatus(before, report.Owner)
	after.Cluster = resource.Observe(before.GetCluster(), report)
	after.Cluster.Status = ""
	concludeClusterPhase(record.Value(), before, after)
	return after, nil
}

// extractTraits takes out of a status what is kept elsewhere: the traits, and the
// exceptions, which events report as well.
func extractTraits(status *storev1.StatusRecord) {
	parsed, err := openjson.ParseText(status.GetStatus())
	if err != nil || parsed["traits"] == nil && parsed["exceptions"] == nil {
		return
	}
	if traits := reportedTraits(parsed); traits != nil {
		status.Traits = traits
	}
	delete(parsed, "traits")
	delete(parsed, "exceptions")
	status.Status = openjson.Text(parsed)
}

// isCurrent is true if a report has a status of the object's newest specification:
// the operator's status lags behind it.
func isCurrent(report resource.Report) bool {
	if report.Status == nil {
		return false
	}
	status, err := openjson.ParseText(report.Status.GetStatus())
	return err == nil && openjson.Int64(status, "observedGeneration") >= report.Status.GetObjectGeneration()
}

// reportedExceptions are those in a report: the job's, which are events, and what
// the operator itself failed with.
func reportedExceptions(report resource.Report, before, after *storev1.StatusRecord) []exception {
	var out []exception
	for _, event := range report.Events {
		if strings.EqualFold(event.GetReason(), "JobException") {
			out = append(out, exception{id: event.GetId(), class: classOf(event.GetMessage()), message: event.GetMessage(), at: event.GetTime().AsTime()})
		}
	}
	byOperator := report.Ref.GetKind() != manifest.KindStatement
	if failure := after.GetError(); byOperator && failure != "" && failure != before.GetError() {
		status, _ := openjson.ParseText(after.GetStatus())
		class := classOf(failure)
		if detail, err := openjson.ParseText(openjson.String(status, "error")); err == nil && openjson.String(detail, "type") != "" {
			class = openjson.String(detail, "type")
		}
		now := time.Now()
		out = append(out, exception{id: report.Owner + "/" + now.Format(time.RFC3339Nano), class: class, message: failure, at: now})
	}
	return out
}

// classOf is the class of an exception whose text it begins.
func classOf(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	class, _, found := strings.Cut(line, ":")
	if !found || strings.ContainsAny(class, " \t") {
		return "Exception"
	}
	return class
}
