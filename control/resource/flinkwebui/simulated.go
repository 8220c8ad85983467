package flinkwebui

import "github.com/openweir/weir/openjson"

// isSimulated is true if the status of a FlinkDeployment is the sandbox's, and no
// processes of Flink run for it.
func isSimulated(status openjson.Object) bool {
	info, _ := status["clusterInfo"].(openjson.Object)
	_, sandbox := info["weir-sandbox"]
	_, real := info["weir-rest"]
	return sandbox && !real
}
