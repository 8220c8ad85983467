package main

import (
	"context"
	"fmt"

	"github.com/openweir/weir/integration/process"
)

// rival is a store of Flink applications under measurement. Every write is
// durable when it returns, and every read sees all writes before it. The
// methods may be called at the same time for different names.
type rival interface {
	// name is the row in the table.
	name() string
	// prepare makes the scope that applications are put into.
	prepare(ctx context.Context, scope string) error
	// create stores an application that is not there.
	create(ctx context.Context, scope, name string) error
	// get reads it.
	get(ctx context.Context, scope, name string) error
	// update stores it again with another parallelism, and fails where it has
	// changed since this rival's last create or update of it, in as far as the
	// rival has such a condition.
	update(ctx context.Context, scope, name string, parallelism int) error
	// list reads all applications of the scope and returns how many they are.
	list(ctx context.Context, scope string) (int, error)
	// server is the process that answers: what stands between the client and etcd,
	// or etcd where nothing does.
	server() *process.Process
	// close gives up connections.
	close()
}

// The scopes: one holds the hundred applications that are listed and got, the
// other takes what is created and updated.
const (
	listedScope  = "bench-list"
	writtenScope = "bench-write"
	listed       = 100
)

// The names of the Weirs that can be measured in one run: the one that the bars are
// for, and another one to compare it with.
const (
	nowWeir       = "Weir"
	beforeWeir    = "Weir before"
	anonymousWeir = "Weir anonymous"
)

// The workload cluster that the applications are for.
const (
	cluster   = "bench-k8s-cluster"
	namespace = "flink"
)

// spec is the specification of the contract's own example, of a parallelism.
func spec(parallelism int) string {
	return fmt.Sprintf(`{"image":"confluentinc/cp-flink:1.19.1-cp2","flinkVersion":"v1_19",`+
		`"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"1"},"serviceAccount":"flink",`+
		`"jobManager":{"resource":{"memory":"1024m","cpu":1}},"taskManager":{"resource":{"memory":"1024m","cpu":1}},`+
		`"job":{"jarURI":"local:///opt/flink/examples/streaming/StateMachineExample.jar","state":"running",`+
		`"parallelism":%d,"upgradeMode":"stateless"}}`, parallelism)
}

// application is the body that Weir is sent, and the bytes that bare etcd
// stores.
func application(name string, parallelism int) string {
	return fmt.Sprintf(`{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication","metadata":{"name":%q},"spec":%s}`,
		name, spec(parallelism))
}

// deployment is the body that the Kubernetes API server is sent. version is
// the resource version that an update is conditional upon; empty for a create.
func deployment(scope, name, version string, parallelism int) string {
	return fmt.Sprintf(`{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment",`+
		`"metadata":{"name":%q,"namespace":%q,"resourceVersion":%q},"spec":%s}`,
		name, scope, version, spec(parallelism))
}
