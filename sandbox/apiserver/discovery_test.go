package apiserver

import (
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/discovery"
)

func TestDiscovery(t *testing.T) {
	c := serve(t, Config{})
	client, err := discovery.NewDiscoveryClientForConfig(c.rest)
	if err != nil {
		t.Fatal(err)
	}
	version, err := client.ServerVersion()
	if err != nil {
		t.Fatal(err)
	}
	if version.GitVersion != "v1.37.0-weir-sandbox" {
		t.Errorf("version is %q", version.GitVersion)
	}
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, list := range lists {
		for _, resource := range list.APIResources {
			got = append(got, list.GroupVersion+" "+resource.Name+" "+resource.Kind)
		}
	}
	sort.Strings(got)
	want := []string{
		"apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition",
		"flink.apache.org/v1beta1 flinkdeployments FlinkDeployment",
		"flink.apache.org/v1beta1 flinkdeployments/status FlinkDeployment",
		"flink.apache.org/v1beta1 flinksessionjobs FlinkSessionJob",
		"flink.apache.org/v1beta1 flinksessionjobs/status FlinkSessionJob",
		"flink.apache.org/v1beta1 flinkstatesnapshots FlinkStateSnapshot",
		"flink.apache.org/v1beta1 flinkstatesnapshots/status FlinkStateSnapshot",
		"v1 configmaps ConfigMap", "v1 events Event", "v1 namespaces Namespace", "v1 pods Pod",
		"v1 secrets Secret", "v1 services Service",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resources differ (-want +got):\n%s", diff)
	}
}
