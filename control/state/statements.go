package state

import (
	"github.com/openweir/weir/control/store"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// GuardKey is the key by which a statement holds on to its pool.
func GuardKey(env, pool, statement string) string { return store.Key(env, pool, statement) }

// DropStatement is what a transaction has to do to end a statement, with all
// that hangs on it but its objects, which refs name.
func (s *State) DropStatement(cluster string, refs []*agentv1.ObjectRef, record store.Object[*storev1.StatementRecord]) []store.Op {
	env := store.Segments(record.Key)[0]
	statement := record.Value.GetStatement()
	ops := []store.Op{
		s.Statements.Remove(record.Key),
		s.StatementStatus.Remove(record.Key),
		s.StatementExceptions.RemoveUnder(record.Key),
		s.PoolStatements.Remove(GuardKey(env, statement.GetSpec().GetComputePoolName(), statement.GetMetadata().GetName())),
	}
	for _, ref := range refs {
		ops = append(ops, s.Claims.Remove(ClaimKey(cluster, ref.GetNamespace(), ref.GetKind(), ref.GetName())))
	}
	return ops
}
