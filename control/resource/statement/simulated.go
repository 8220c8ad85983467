package statement

import (
	"strings"

	"github.com/openweir/weir/control/manifest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// isSimulated is true if the cluster of a statement is the sandbox's, which says
// so in the status of its FlinkDeployments.
func (s *Statements) isSimulated(item Item, env *cmfv1.Environment) bool {
	const marker = `"weir-sandbox":`
	reported := item.Reported
	switch item.Value.GetObjectKind() {
	case manifest.KindStatement:
		return false // a SQL driver has Flink
	case manifest.KindSessionJob:
		pool, _ := s.pools.Find(item.At, env.GetName(), poolOf(item.Value))
		reported = pool.Reported
	}
	return strings.Contains(reported.GetStatus(), marker)
}
