package main

import (
	"context"
	"fmt"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/openweir/weir/integration/etcd"
	"github.com/openweir/weir/integration/process"
)

// etcdRival is the bare etcd client: no rules, no defaults, no history, the
// same bytes. Nothing that keeps its state in etcd can be faster at writes.
type etcdRival struct {
	store    *etcd.Server
	client   *clientv3.Client
	versions sync.Map // key → mod revision
}

func newEtcdRival(store *etcd.Server) (*etcdRival, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{store.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	return &etcdRival{store: store, client: client}, nil
}

func (e *etcdRival) server() *process.Process { return e.store.Process }

func (e *etcdRival) name() string { return "etcd client" }

func (e *etcdRival) prepare(context.Context, string) error { return nil }

func (e *etcdRival) create(ctx context.Context, scope, name string) error {
	return e.swap(ctx, scope+"/"+name, 0, application(name, 1))
}

func (e *etcdRival) update(ctx context.Context, scope, name string, parallelism int) error {
	key := scope + "/" + name
	version, _ := e.versions.Load(key)
	revision, _ := version.(int64)
	return e.swap(ctx, key, revision, application(name, parallelism))
}

// swap writes a key that was last written at revision.
func (e *etcdRival) swap(ctx context.Context, key string, revision int64, value string) error {
	answer, err := e.client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
		Then(clientv3.OpPut(key, value)).
		Commit()
	if err != nil {
		return err
	}
	if !answer.Succeeded {
		return fmt.Errorf("key %s is not at revision %d", key, revision)
	}
	e.versions.Store(key, answer.Header.Revision)
	return nil
}

func (e *etcdRival) get(ctx context.Context, scope, name string) error {
	answer, err := e.client.Get(ctx, scope+"/"+name)
	if err != nil {
		return err
	}
	if len(answer.Kvs) != 1 {
		return fmt.Errorf("%s/%s is not there", scope, name)
	}
	return nil
}

func (e *etcdRival) list(ctx context.Context, scope string) (int, error) {
	answer, err := e.client.Get(ctx, scope+"/", clientv3.WithPrefix())
	if err != nil {
		return 0, err
	}
	return len(answer.Kvs), nil
}

func (e *etcdRival) close() { _ = e.client.Close() }
