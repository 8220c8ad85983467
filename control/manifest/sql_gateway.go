package manifest

import (
	"encoding/json"
	"fmt"

	"github.com/openweir/weir/control/flinkspec"
	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// The containers of a JobManager's pod: Flink's own, as the operator wants it
// called, and that of the SQL gateway.
const (
	mainContainer    = "flink-main-container"
	gatewayContainer = "sql-gateway"
	// gatewayPort is where the agent finds the gateway, at the pod's address.
	gatewayPort = 8083
)

// WithSQLGateway adds a SQL gateway to the JobManager's pod of a session cluster.
// A container of that name that users define is not changed.
//
// The operator merges spec.podTemplate with that of the JobManager, lists by
// index unless it is configured to merge them by name. Therefore the gateway
// follows as many containers as either has, with their names: in both cases it is
// merged with none of them.
func WithSQLGateway(cluster openjson.Object) openjson.Object {
	own := containers(cluster, "jobManager", "podTemplate", "spec", "containers")
	base := containers(cluster, "podTemplate", "spec", "containers")
	for _, container := range append(append([]any{}, own...), base...) {
		if nameOf(container) == gatewayContainer {
			return cluster
		}
	}
	all := append([]any{}, own...)
	for i := len(own); i < len(base); i++ {
		all = append(all, openjson.Object{"name": nameOf(base[i])})
	}
	if len(all) == 0 {
		all = append(all, openjson.Object{"name": mainContainer})
	}
	sidecar := gateway(cluster)
	if mounts := mountsOf(append(append([]any{}, own...), base...)); len(mounts) > 0 {
		sidecar["volumeMounts"] = mounts
	}
	out := openjson.Merge(cluster, nil)
	openjson.Set(out, append(all, sidecar), "jobManager", "podTemplate", "spec", "containers")
	return out
}

func containers(cluster openjson.Object, path ...string) []any {
	list, _ := openjson.Field(cluster, path...).([]any)
	return list
}

// mountsOf are the volumes of Flink's own container: what users put there, such
// as connectors and trust stores, is for the gateway too, which plans the
// statements.
func mountsOf(containers []any) []any {
	var out []any
	seen := map[string]bool{}
	for _, container := range containers {
		if nameOf(container) != mainContainer {
			continue
		}
		mounts, _ := container.(openjson.Object)["volumeMounts"].([]any)
		for _, mount := range mounts {
			fields, _ := mount.(openjson.Object)
			if path := openjson.String(fields, "mountPath"); path != "" && !seen[path] {
				seen[path] = true
				out = append(out, mount)
			}
		}
	}
	return out
}

func nameOf(container any) string {
	fields, _ := container.(openjson.Object)
	return openjson.String(fields, "name")
}

// gateway is the container of the SQL gateway. It does not have the configuration of
// the cluster, which the operator mounts into Flink's own container only, so it
// is configured with the address of the JobManager, which is in the same pod. The
// memory is for plans, and for the two pages of rows that the gateway keeps of a
// query.
func gateway(cluster openjson.Object) openjson.Object {
	return openjson.Object{
		"name":  gatewayContainer,
		"image": flinkspec.Image(cluster),
		"command": []any{
			"/opt/flink/bin/sql-gateway.sh", "start-foreground",
			"-Dsql-gateway.endpoint.rest.address=localhost",
			"-Dsql-gateway.endpoint.rest.bind-address=0.0.0.0",
			fmt.Sprintf("-Dsql-gateway.endpoint.rest.port=%d", gatewayPort),
			"-Dexecution.target=remote",
			"-Drest.address=localhost",
			"-Drest.port=" + restPort(cluster),
		},
		"env":       []any{openjson.Object{"name": "JVM_ARGS", "value": "-Xmx512m"}},
		"ports":     []any{openjson.Object{"name": gatewayContainer, "containerPort": gatewayPort}},
		"resources": openjson.Object{"requests": openjson.Object{"cpu": "100m", "memory": "1Gi"}, "limits": openjson.Object{"memory": "1Gi"}},
	}
}

// restPort is where the JobManager serves REST.
func restPort(cluster openjson.Object) string {
	switch port := flink.Configuration(cluster)["rest.port"].(type) {
	case string:
		return port
	case json.Number:
		return port.String()
	default:
		return "8081"
	}
}
