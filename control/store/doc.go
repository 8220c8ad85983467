// Package store keeps protocol buffer messages in etcd as typed collections.
//
// A Store is all collections under one prefix of one etcd. It loads the prefix
// once, follows it with a single etcd watch, and holds every collection decoded
// and indexed in memory. Writes go to etcd and return when etcd has committed
// them; reads come from memory.
//
// # Consistency
//
// View is linearizable: what it gives contains every write that was acknowledged
// before the call, on whichever replica. It asks etcd for its current revision,
// which costs no value to be sent and is shared by all readers that arrived before
// the question was put, and then waits until memory has come that far. Cached is
// memory as it stands, and suits loops that are woken by a Feed. Both give a
// Snapshot: every collection as of one revision.
//
// Update is the only way to write. Its function is given a Tx, in which Get reads
// an object and thereby makes the transaction depend on it, Peek and In read
// without that, and Put and Delete write. The function runs again where something
// that the transaction depends on has changed.
//
// A write that ends with ErrUnavailable may or may not have happened.
//
// # Revisions
//
// Transactions that are independent of each other are sent to etcd together and
// then have one revision. So a revision identifies a version of an object, but not
// the transaction of one caller.
//
// # Keys
//
// A key is a path: segments joined by slashes, made by Key. "Under" a path means
// its descendants: under "prod" are "prod/a" and "prod/a/b", neither "prod"
// itself nor "prod2/a". Under "" is everything.
//
// # Restored backups
//
// A Store notices that etcd was put back to an older state by its cluster id or
// by a revision that went backwards, and loads everything again. A backup should
// nevertheless be restored with etcdutl's --bump-revision and --mark-compacted,
// which leave no window in which the two histories could be taken for one.
package store
