package statement

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/resource/computepool"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/flink"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

// view is a statement as users see it.
func (s *Statements) view(item Item, detail resource.Detail) *cmfv1.Statement {
	record, statement := item.Value(), item.Value().GetStatement()
	env := s.environments.Of(item.At, item.Key).Message()
	status := &cmfv1.StatementStatus{
		Phase:  phaseOf(item),
		Detail: detailOf(record, item.Reported()),
		Traits: traitsOf(record, item.Reported()),
	}
	if IsDeployed(record) {
		if s.isSimulated(item, env) {
			status.Detail = strings.TrimSpace(status.GetDetail() + " Simulated by the Weir sandbox: no Flink runs.")
		}
		status.Warning = s.clusters.StaleWarning(item.At, env.GetKubernetesClusterName(), flink.DeploymentDefinition)
	}
	if detail.Resources {
		status.ResourceSummary = s.usage(item, env)
	}
	return &cmfv1.Statement{
		ApiVersion: statement.GetApiVersion(),
		Kind:       statement.GetKind(),
		Metadata:   resource.WithUpdateTime(statement.GetMetadata(), item.Reported().GetUpdateTime()),
		Spec:       statement.GetSpec(),
		Status:     status,
		Result:     statement.GetResult(),
	}
}

// Occupant gives the statement of a key to its pool; false if there is none.
func (s *Statements) Occupant(at store.Reader, env *cmfv1.Environment, key string) (computepool.Occupant, bool) {
	item, ok := s.kind.Item(at, key)
	if !ok {
		return computepool.Occupant{}, false
	}
	return computepool.Occupant{Phase: phaseOf(item), Running: isRunning(item), Usage: s.usage(item, env)}, true
}

// isRunning is true if a statement uses its cluster, or is about to.
func isRunning(item Item) bool { return IsDeployed(item.Value()) && occupies(phaseOf(item)) }

// usage is what a statement asks its cluster for.
func (s *Statements) usage(item Item, env *cmfv1.Environment) *cmfv1.ResourceUsageSummary {
	none := flinkspec.AddUsage(nil, nil)
	record := item.Value()
	if !isRunning(item) {
		return none
	}
	spec, err := openjson.Parse(record.GetObjectSpec())
	if err != nil {
		return none
	}
	if record.GetObjectKind() == flink.KindDeployment {
		return flinkspec.Usage(spec)
	}
	parallelism := int(record.GetStatement().GetSpec().GetParallelism())
	if own, err := openjson.Parse(record.GetClusterSpec()); err == nil && own != nil {
		openjson.Set(own, json.Number(strconv.Itoa(parallelism)), "job", "parallelism")
		return flinkspec.Usage(own)
	}
	pool, ok := s.pools.Find(item.At, env.GetName(), poolOf(record))
	if !ok {
		return none
	}
	cluster, err := computepool.ClusterSpec(env, pool.Value())
	if err != nil {
		return none
	}
	return flinkspec.SessionJobUsage(cluster, parallelism)
}
