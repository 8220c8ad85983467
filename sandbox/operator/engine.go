package operator

import "context"

// engine is what Flink runs on: nothing (simulation), or this machine's
// processes. It keeps no more than it can lose: what a step needs is in the
// status, and what it finds out goes there.
type engine interface {
	// supports returns why deployments of a Flink version cannot run; nil where
	// they can.
	supports(version string) error
	// effective returns the spec of a deployment with the options that it has
	// without asking for them.
	effective(namespace, name string, s spec) spec
	// fetches tells whether a session job's jar can be at a URI.
	fetches(uri string) error
	// describe fills in status.clusterInfo, and what else follows from the
	// deployment that is there.
	describe(t target, status *deploymentStatus, reconciled spec)

	// progress moves the status on to what there is to be seen of the spec in
	// force.
	progress(ctx context.Context, m *machine, reconciled spec)
	// savepoint stops the job with a savepoint and returns where that is: empty
	// until it is there. To ask again asks for the same one.
	savepoint(ctx context.Context, m *machine, reconciled spec) (path string, err error)
	// format is that of such savepoints.
	format(reconciled spec) string
	// checkpoint stops the job as it is and returns the state to go on from:
	// a path, the mark flink.LastStatePath, or nothing where it has none.
	checkpoint(ctx context.Context, m *machine, reconciled spec, otherVersion bool) string
	// stop ends what runs.
	stop(ctx context.Context, m *machine)
	// remove ends what runs for good. It returns why it could not, and whether
	// it has; neither while it goes on.
	remove(ctx context.Context, m *machine) (reason string, done bool)

	// snapshot takes the snapshot and returns where it is, once it is there. To
	// ask again asks for the same one.
	snapshot(ctx context.Context, s *snapshotter) (path string, done bool, err error)
	// dispose deletes the data of a savepoint, and returns whether it has.
	dispose(ctx context.Context, s *snapshotter) (done bool, err error)
}
