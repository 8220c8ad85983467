package chart_test

import (
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/integration/build"
	"github.com/openweir/weir/integration/chart"
)

var update = flag.Bool("update", false, "update the golden files")

// values nests maps for short.
type values = map[string]any

// releases are installations of every shape that the charts have.
var releases = map[string]chart.Release{
	"weir-small": {Chart: "weir", Name: "weir", Namespace: "weir", Values: values{
		"auth":    "none",
		"keyset":  values{"secretName": "weir-keyset"},
		"control": values{"tls": values{"secretName": "weir-control-tls"}},
	}},
	"weir-production": {Chart: "weir", Name: "fleet", Namespace: "weir", Values: values{
		"image": values{"digest": "sha256:" + strings.Repeat("0", 64)},
		"auth": values{
			"issuers":      []any{values{"url": "https://idp.example.com/realms/flink", "audiences": []any{"weir"}}},
			"certificates": values{"caFile": "/etc/weir/auth-files/users-ca.crt"},
		},
		"roleBindings":            []any{values{"principal": "Group:platform", "role": "SystemAdmin"}},
		"authFiles":               values{"secretName": "weir-auth"},
		"serviceAccountAllowlist": []any{"flink", "etl"},
		"agents":                  values{"service": values{"type": "LoadBalancer"}},
		"control": values{
			"replicas": 3,
			"tls":      values{"secretName": "weir-control-tls", "agentCAKey": "agents-ca.crt"},
		},
		"etcd": values{
			"endpoints": []any{"https://etcd-0:2379", "https://etcd-1:2379"},
			"tls":       values{"secretName": "etcd-client", "clientCertificate": true},
			"auth":      values{"username": "weir", "passwordSecret": values{"name": "etcd-password"}},
		},
		"gateway": values{"replicas": 3, "maxBodyBytes": 4 << 20, "service": values{"port": 443},
			"tls":             values{"secretName": "weir-http-tls", "clientCAKey": "users-ca.crt"},
			"identity":        values{"secretName": "weir-gateway-identity"},
			"metadataService": values{"url": "https://mds.example.com:8090", "caSecretName": "mds-ca"}},
		"limits": values{"caller": values{"requestsPerSecond": 2000, "webUIRequests": 16}, "connections": values{"total": 20_000, "perAddress": 0}},
		"networkPolicy": values{"gatewayFrom": []any{values{"namespaceSelector": values{}}}, "metricsFrom": []any{values{"namespaceSelector": values{}}},
			"egress": values{"enabled": true, "to": []any{values{"ipBlock": values{"cidr": "0.0.0.0/0", "except": []any{"10.96.0.0/12"}}}}}},
		"serviceMonitor": values{"enabled": true},
		"monitoring":     values{"enabled": true},
	}},
	"agent-everywhere": {Chart: "weir-agent", Name: "weir-agent", Namespace: "weir-system", Values: values{
		"cluster": "edge-k8s-cluster", "control": "weir.example.com:9092",
		"identity":      values{"joinTokenSecret": values{"name": "weir-token"}},
		"clusterLabels": values{"region": "eu"},
	}},
	"agent-in-two-namespaces": {Chart: "weir-agent", Name: "edge", Namespace: "weir-system", Values: values{
		"cluster": "edge-k8s-cluster", "control": "weir.example.com:443",
		"namespaces": []any{"payments", "fraud"},
		"identity":   values{"tlsSecret": values{"name": "weir-identity"}},
		"tls":        values{"caSecret": values{"name": "weir-ca"}, "serverName": "weir"},
		"rbac":       values{"secrets": true},
		"policy": []any{values{"name": "registries", "kinds": []any{"FlinkDeployment"}, "validations": []any{values{
			"expression": "object.spec.image.startsWith('registry.example.com/')", "message": "images have to be from registry.example.com",
		}}}},
		"admissionPolicy": values{"enabled": true, "serviceAccounts": []any{"flink", "etl"}},
	}},
	"agent-with-admission": {Chart: "weir-agent", Name: "weir-agent", Namespace: "weir-system", Values: values{
		"cluster": "edge-k8s-cluster", "control": "weir.example.com:9092",
		"identity":        values{"joinTokenSecret": values{"name": "weir-token"}},
		"admissionPolicy": values{"enabled": true},
	}},
}

func TestChartsPassHelmLint(t *testing.T) {
	for name, release := range releases {
		t.Run(name, func(t *testing.T) {
			dir, err := chart.Dir(release.Chart)
			if err != nil {
				t.Fatal(err)
			}
			for _, message := range lint.RunAll(dir, release.Values, release.Namespace).Messages {
				if message.Severity >= support.WarningSev {
					t.Errorf("%s", message)
				}
			}
		})
	}
}

func TestChartsMatchTheirGoldenFiles(t *testing.T) {
	for name, release := range releases {
		t.Run(name, func(t *testing.T) {
			manifests, err := chart.Render(release)
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			for _, path := range slices.Sorted(maps.Keys(manifests)) {
				text.WriteString("# Source: " + path + "\n" + strings.TrimSpace(manifests[path]) + "\n---\n")
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text.String()); diff != "" {
				t.Errorf("the chart renders otherwise than %s (-want +got); if it should, run the test with -update:\n%s", golden, diff)
			}
		})
	}
}

func TestChartsRejectInvalidValues(t *testing.T) {
	tokens := values{"joinTokenSecret": values{"name": "weir-token"}}
	keyset, tls := values{"secretName": "weir-keyset"}, values{"secretName": "weir-control-tls"}
	cases := map[string]struct {
		chart  string
		values values
		want   string
	}{
		"an agent of no cluster":                        {"weir-agent", values{"control": "weir:9092", "identity": tokens}, "cluster"},
		"an agent without a control plane":              {"weir-agent", values{"cluster": "edge", "identity": tokens}, "control"},
		"an agent without an identity":                  {"weir-agent", values{"cluster": "edge", "control": "weir:9092"}, "identity"},
		"an agent of a bad name":                        {"weir-agent", values{"cluster": "Edge_1", "control": "weir:9092", "identity": tokens}, "cluster"},
		"an unknown value":                              {"weir-agent", values{"cluster": "edge", "control": "weir:9092", "identity": tokens, "replicas": 2}, "replicas"},
		"all Secrets of a cluster":                      {"weir-agent", values{"cluster": "edge", "control": "weir:9092", "identity": tokens, "rbac": values{"secrets": true}}, "namespaces"},
		"nobody could connect":                          {"weir", values{"auth": "none", "control": values{"tls": tls}}, "no agent could connect"},
		"replicas without external etcd":                {"weir", values{"auth": "none", "keyset": keyset, "control": values{"tls": tls, "replicas": 3}}, "external etcd"},
		"certificates without TLS":                      {"weir", values{"auth": "none", "control": values{"tls": values{"agentCAKey": "ca.crt"}}}, "with TLS only"},
		"an endpoint that is no URL":                    {"weir", values{"auth": "none", "keyset": keyset, "control": values{"tls": tls}, "etcd": values{"endpoints": []any{"etcd-0:2379"}}}, "endpoints"},
		"a user of etcd without password":               {"weir", values{"auth": "none", "keyset": keyset, "control": values{"tls": tls}, "etcd": values{"endpoints": []any{"http://etcd:2379"}, "auth": values{"username": "weir"}}}, "needs a password"},
		"no authentication":                             {"weir", values{"keyset": keyset, "control": values{"tls": tls}}, "auth: is required"},
		"another authentication":                        {"weir", values{"keyset": keyset, "control": values{"tls": tls}, "auth": "all"}, "auth"},
		"nobody is an administrator":                    {"weir", values{"keyset": keyset, "control": values{"tls": tls}, "auth": values{"issuers": []any{values{"url": "https://idp.example.com"}}}}, "roleBindings: is required"},
		"an unknown role":                               {"weir", values{"keyset": keyset, "control": values{"tls": tls}, "auth": "none", "roleBindings": []any{values{"principal": "User:a", "role": "Admin"}}}, "roleBindings"},
		"users' certificates without TLS":               {"weir", values{"keyset": keyset, "control": values{"tls": tls}, "auth": "none", "gateway": values{"tls": values{"clientCAKey": "ca.crt"}}}, "set gateway.tls.secretName"},
		"users' certificates without the gateway's own": {"weir", values{"keyset": keyset, "control": values{"tls": tls}, "auth": "none", "gateway": values{"tls": values{"secretName": "http", "clientCAKey": "ca.crt"}}}, "gateway.identity.secretName: is required"},
		"an unknown authentication":                     {"weir", values{"keyset": keyset, "control": values{"tls": tls}, "auth": values{"ldap": values{}}}, "ldap"},
		"a policy without rules":                        {"weir-agent", values{"cluster": "edge", "control": "weir:9092", "identity": tokens, "policy": []any{values{"name": "a", "kinds": []any{"FlinkDeployment"}}}}, "validations"},
		"a service account of a bad name":               {"weir-agent", values{"cluster": "edge", "control": "weir:9092", "identity": tokens, "admissionPolicy": values{"serviceAccounts": []any{"a' || true"}}}, "serviceAccounts"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := chart.Render(chart.Release{Chart: c.chart, Name: "weir", Namespace: "weir", Values: c.values})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want an error that says %q", err, c.want)
			}
		})
	}
}

func TestPodsAreConfined(t *testing.T) {
	for name, release := range releases {
		t.Run(name, func(t *testing.T) {
			for _, pod := range pods(t, release) {
				expect(t, pod, true, "securityContext", "runAsNonRoot")
				expect(t, pod, "RuntimeDefault", "securityContext", "seccompProfile", "type")
				for _, container := range containers(t, pod) {
					expect(t, container, false, "securityContext", "allowPrivilegeEscalation")
					expect(t, container, true, "securityContext", "readOnlyRootFilesystem")
					expect(t, container, []any{"ALL"}, "securityContext", "capabilities", "drop")
					if _, found, _ := unstructured.NestedString(container, "resources", "limits", "memory"); !found {
						t.Errorf("container %s has no limit of memory", container["name"])
					}
				}
			}
		})
	}
}

// The program itself says whether it knows the flags that the charts give it.
func TestTheBinaryAcceptsTheChartsFlags(t *testing.T) {
	binary, err := build.Weir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, release := range releases {
		t.Run(name, func(t *testing.T) {
			for _, pod := range pods(t, release) {
				for _, container := range containers(t, pod) {
					args, _, err := unstructured.NestedStringSlice(container, "args")
					if err != nil || len(args) == 0 {
						t.Fatalf("arguments of container %s: %v, %v", container["name"], args, err)
					}
					if out, err := exec.CommandContext(t.Context(), binary, append(args, "--help")...).CombinedOutput(); err != nil {
						t.Errorf("weir %s: %v\n%s", strings.Join(args, " "), err, out)
					}
				}
			}
		})
	}
}

// pods are the pod specifications of a release's workloads.
func pods(t *testing.T, release chart.Release) []map[string]any {
	t.Helper()
	objects, err := chart.Objects(release)
	if err != nil {
		t.Fatal(err)
	}
	var specs []map[string]any
	for _, object := range objects {
		if spec, found, _ := unstructured.NestedMap(object.Object, "spec", "template", "spec"); found {
			specs = append(specs, spec)
		}
	}
	if len(specs) == 0 {
		t.Fatal("the release has no workload")
	}
	return specs
}

func containers(t *testing.T, pod map[string]any) []map[string]any {
	t.Helper()
	list, _, err := unstructured.NestedSlice(pod, "containers")
	if err != nil || len(list) == 0 {
		t.Fatalf("the pod has no containers: %v", err)
	}
	containers := make([]map[string]any, len(list))
	for i := range list {
		containers[i] = list[i].(map[string]any)
	}
	return containers
}

func expect(t *testing.T, object map[string]any, want any, path ...string) {
	t.Helper()
	got, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", strings.Join(path, "."), diff)
	}
}
