package statement

import (
	"github.com/openweir/weir/control/manifest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// isSimulated is true if what is reported of a statement comes from a cluster
// that runs no Flink. Statements of a SQL driver run in Flink wherever they are.
func (s *Statements) isSimulated(item Item, env *cmfv1.Environment) bool {
	return s.clusters.Reported(item.At, env.GetKubernetesClusterName()).GetSimulated() &&
		item.Value().GetObjectKind() != manifest.KindStatement && item.Reported().GetStatus() != ""
}
