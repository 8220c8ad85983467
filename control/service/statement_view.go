package service

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/openweir/weir/control/render"
	"github.com/openweir/weir/control/rules"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// statementView is a statement as users see it.
func (s *Services) statementView(env *cmfv1.Environment, object store.Object[*storev1.StatementRecord], resources bool) *cmfv1.Statement {
	reported, _ := s.state.StatementStatus.Cached(object.Key)
	view := s.statementWith(env, object.Value, reported.Value)
	if resources {
		view.Status.ResourceSummary = s.statementUsage(env, object)
	}
	return view
}

// statementWith is statementView with a status of the caller's choice.
func (s *Services) statementWith(env *cmfv1.Environment, record *storev1.StatementRecord, reported *storev1.StatusRecord) *cmfv1.Statement {
	statement := record.GetStatement()
	if reported.GetOwnerUid() != statement.GetMetadata().GetUid() {
		reported = nil
	}
	status := &cmfv1.StatementStatus{
		Phase:  rules.StatementPhase(record, reported),
		Detail: rules.StatementDetail(record, reported),
		Traits: rules.StatementTraits(record, reported),
	}
	if rules.Deployed(record) {
		if s.simulated(env, record, reported) {
			status.Detail = strings.TrimSpace(status.GetDetail() + " Simulated by the Weir sandbox: no Flink runs.")
		}
		status.Warning = s.staleWarning(env)
	}
	return &cmfv1.Statement{
		ApiVersion: statement.GetApiVersion(),
		Kind:       statement.GetKind(),
		Metadata:   latestUpdate(statement.GetMetadata(), reported.GetUpdateTime()),
		Spec:       statement.GetSpec(),
		Status:     status,
		Result:     statement.GetResult(),
	}
}

// simulated tells whether what is reported of a statement comes from a cluster
// that runs no Flink. Statements of a SQL driver run in Flink wherever they are.
func (s *Services) simulated(env *cmfv1.Environment, record *storev1.StatementRecord, reported *storev1.StatusRecord) bool {
	cluster, _ := s.state.ClusterStatus.Cached(env.GetKubernetesClusterName())
	return cluster.Value.GetSimulated() && record.GetObjectKind() != render.KindStatement && reported.GetStatus() != ""
}

// statementPhase is the phase of a statement as cached.
func (s *Services) statementPhase(object store.Object[*storev1.StatementRecord]) string {
	reported, _ := s.state.StatementStatus.Cached(object.Key)
	if reported.Value.GetOwnerUid() != object.Value.GetStatement().GetMetadata().GetUid() {
		reported.Value = nil
	}
	return rules.StatementPhase(object.Value, reported.Value)
}

// statementUsage is what a statement asks its cluster for.
func (s *Services) statementUsage(env *cmfv1.Environment, object store.Object[*storev1.StatementRecord]) *cmfv1.ResourceUsageSummary {
	none := rules.AddUsage(nil, nil)
	record := object.Value
	if !rules.Deployed(record) || !rules.Occupies(s.statementPhase(object)) {
		return none
	}
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return none
	}
	if record.GetObjectKind() == render.KindDeployment {
		return rules.Usage(spec)
	}
	if own, err := openjson.Parse(record.GetClusterSpec()); err == nil && own != nil {
		openjson.Set(own, json.Number(strconv.Itoa(int(record.GetStatement().GetSpec().GetParallelism()))), "job", "parallelism")
		return rules.Usage(own)
	}
	pool, ok := s.state.ComputePools.Cached(store.Key(env.GetName(), record.GetStatement().GetSpec().GetComputePoolName()))
	if !ok {
		return none
	}
	cluster, err := render.PoolCluster(env, pool.Value)
	if err != nil {
		return none
	}
	return rules.SessionJobUsage(cluster, int(record.GetStatement().GetSpec().GetParallelism()))
}
