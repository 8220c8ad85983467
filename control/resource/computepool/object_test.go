package computepool

import (
	"testing"

	"github.com/openweir/weir/control/manifest/manifesttest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

const clusterTemplate = `{
	"flinkVersion":"v2_0","image":"flink:2.0.1",
	"flinkConfiguration":{"taskmanager":{"numberOfTaskSlots":"2"}},
	"jobManager":{"resource":{"cpu":0.5,"memory":"1024m"}},"taskManager":{"resource":{"cpu":1,"memory":"2048m"}},
	"job":{"parallelism":4}
}`

func prod() *cmfv1.Environment {
	return &cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge"}
}

func sharedPool() *cmfv1.ComputePool {
	return &cmfv1.ComputePool{
		Metadata: &cmfv1.ObjectMeta{Name: "shared", Uid: "5b8f1a8e-0000-4000-8000-000000000001", Labels: map[string]string{"team": "payments"}},
		Spec:     &cmfv1.ComputePoolSpec{Type: "SHARED", State: "RUNNING", ClusterSpec: &cmfv1.JsonObject{Json: clusterTemplate}},
	}
}

func TestManifest(t *testing.T) {
	withDefaults := prod()
	withDefaults.ComputePoolDefaults = &cmfv1.JsonObject{Json: `{"clusterSpec":{"serviceAccount":"sql","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"4"}}}`}
	for name, env := range map[string]*cmfv1.Environment{"pool": prod(), "pool-environment-defaults": withDefaults} {
		t.Run(name, func(t *testing.T) {
			apply, err := manifestOf(env, sharedPool(), 9, false)
			if err != nil {
				t.Fatal(err)
			}
			if apply.GetGeneration() != 9 || apply.GetOwnerUid() != sharedPool().GetMetadata().GetUid() || apply.GetRef().GetName() != "shared" {
				t.Errorf("it is addressed as %v", apply)
			}
			manifesttest.Golden(t, name, apply)
		})
	}
}
