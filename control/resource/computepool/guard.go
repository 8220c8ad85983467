package computepool

import (
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// Statements says what pools have to know of the statements on them.
type Statements interface {
	// Occupant gives the statement of a key; false if there is none.
	Occupant(at store.Reader, env *cmfv1.Environment, key string) (Occupant, bool)
}

// Occupant is a statement as its pool sees it.
type Occupant struct {
	Phase string
	// Running is true if the statement uses a Flink cluster, or is about to.
	Running bool
	// Usage is what the statement asks its cluster for.
	Usage *cmfv1.ResourceUsageSummary
}

// Hold notes that a statement is on a pool. It has to be written again in every
// transaction by which the statement begins to run, so that a change of the pool,
// which requires that none has begun, excludes it.
func (p *Pools) Hold(tx *store.Tx, env, pool, statement string) {
	p.guards.Put(tx, store.Key(env, pool, statement), &emptypb.Empty{})
}

// Release undoes Hold.
func (p *Pools) Release(tx *store.Tx, env, pool, statement string) {
	p.guards.Delete(tx, store.Key(env, pool, statement))
}

// statementsOn names the statements on the pool of a key.
func (p *Pools) statementsOn(at store.Reader, pool string) []string {
	var names []string
	for guard := range p.guards.In(at).Under(pool) {
		names = append(names, store.Segments(guard.Key)[2])
	}
	return names
}

// requireIdle refuses while statements run on a pool, and has the transaction fail
// if one begins to.
func (p *Pools) requireIdle(tx *store.Tx, env *store.Object[*cmfv1.Environment], pool Item) error {
	var running []string
	for _, name := range p.statementsOn(tx, pool.Key) {
		if occupant, ok := p.statements.Occupant(tx, env.Value(), store.Join(env.Key, name)); ok && occupant.Running {
			running = append(running, name)
		}
	}
	if len(running) > 0 {
		return apierror.InUse("Cannot update compute pool '%s': statements [%s] run on it. Stop them first.", pool.Value().GetMetadata().GetName(), resource.Abridge(running))
	}
	p.guards.RequireNoneSince(tx, pool.Key, tx.Revision())
	return nil
}
