package apiserver

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// applied is one server-side apply by a manager.
type applied struct {
	by    string
	spec  string
	force bool
	// fails is part of the error; empty where it succeeds.
	fails string
}

func TestServerSideApply(t *testing.T) {
	tests := map[string]struct {
		steps []applied
		want  string
	}{
		"a first apply creates": {
			steps: []applied{{by: "a", spec: `{image: flink, job: {parallelism: 2}}`}},
			want:  `{image: flink, job: {parallelism: 2}}`,
		},
		"a field dropped by its only owner is removed": {
			steps: []applied{
				{by: "a", spec: `{image: flink, restartNonce: 7, job: {parallelism: 2, entryClass: Main}}`},
				{by: "a", spec: `{image: flink, job: {parallelism: 2}}`},
			},
			want: `{image: flink, job: {parallelism: 2}}`,
		},
		"a field dropped by one of its owners stays": {
			steps: []applied{
				{by: "a", spec: `{image: flink, restartNonce: 7}`},
				{by: "b", spec: `{restartNonce: 7}`},
				{by: "a", spec: `{image: flink}`},
			},
			want: `{image: flink, restartNonce: 7}`,
		},
		"a field of another manager is left alone": {
			steps: []applied{
				{by: "a", spec: `{image: flink}`},
				{by: "b", spec: `{serviceAccount: flink}`},
				{by: "a", spec: `{image: flink:2}`},
			},
			want: `{image: flink:2, serviceAccount: flink}`,
		},
		"another value for a field of another manager is a conflict": {
			steps: []applied{
				{by: "a", spec: `{image: flink}`},
				{by: "b", spec: `{image: other}`, fails: `conflict with "a": .spec.image`},
			},
			want: `{image: flink}`,
		},
		"force takes the field": {
			steps: []applied{
				{by: "a", spec: `{image: flink, restartNonce: 1}`},
				{by: "b", spec: `{image: other}`, force: true},
				{by: "a", spec: `{restartNonce: 1}`},
			},
			want: `{image: other, restartNonce: 1}`,
		},
		"a list is one value": {
			steps: []applied{
				{by: "a", spec: `{job: {args: [a, b]}}`},
				{by: "b", spec: `{job: {args: [c]}}`, fails: `conflict with "a": .spec.job.args`},
				{by: "a", spec: `{job: {args: [c]}}`},
			},
			want: `{job: {args: [c]}}`,
		},
		"an open map merges key by key": {
			steps: []applied{
				{by: "a", spec: `{flinkConfiguration: {x.y: "1", deep: {p: 1}}}`},
				{by: "b", spec: `{flinkConfiguration: {z: true, deep: {q: 2}}}`},
				{by: "a", spec: `{flinkConfiguration: {deep: {p: 3}}}`},
			},
			want: `{flinkConfiguration: {z: true, deep: {p: 3, q: 2}}}`,
		},
		"a field that the definition does not have is refused": {
			steps: []applied{{by: "a", spec: `{image: flink}`},
				{by: "a", spec: `{image: flink, imagee: x}`, fails: ".spec.imagee: field not declared in schema"}},
			want: `{image: flink}`,
		},
		"a value outside an enumeration is refused": {
			steps: []applied{{by: "a", spec: `{image: flink}`},
				{by: "a", spec: `{flinkVersion: v9_9}`, fails: `spec.flinkVersion: Unsupported value: "v9_9"`}},
			want: `{image: flink}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := serve(t, Config{})
			ctx := within(t)
			for i, step := range test.steps {
				_, err := c.in(deployments, "default").Apply(ctx, "app", deployment(t, "app", step.spec),
					metav1.ApplyOptions{FieldManager: step.by, Force: step.force})
				if step.fails == "" && err != nil {
					t.Fatalf("step %d: %v", i, err)
				}
				if step.fails != "" && (err == nil || !strings.Contains(err.Error(), step.fails)) {
					t.Fatalf("step %d: got error %v, want one with %q", i, err, step.fails)
				}
			}
			got, err := c.in(deployments, "default").Get(ctx, "app", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := deployment(t, "app", test.want)
			if diff := cmp.Diff(want.Object["spec"], got.Object["spec"]); diff != "" {
				t.Errorf("spec differs (-want +got):\n%s", diff)
			}
		})
	}
}

// deployment returns a FlinkDeployment with a spec of YAML.
func deployment(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: "+name+"}\nspec: "+spec)
}

func TestApplyWithoutAChangeWritesNothing(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	apply := func() *unstructured.Unstructured {
		t.Helper()
		o := deployment(t, "app", `{image: flink, flinkConfiguration: {a: 1, b: 2.5, c: null}, job: {args: [x]}}`)
		o.SetLabels(map[string]string{"a": "b"})
		got, err := c.in(deployments, "default").Apply(ctx, "app", o, metav1.ApplyOptions{FieldManager: "weir-agent", Force: true})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first, second := apply(), apply()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second apply changed the object (-first +second):\n%s", diff)
	}
}

func TestApplyReportsManagers(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	got, err := c.in(deployments, "default").Apply(ctx, "app", deployment(t, "app", `{image: flink}`),
		metav1.ApplyOptions{FieldManager: "weir-agent"})
	if err != nil {
		t.Fatal(err)
	}
	managers := got.GetManagedFields()
	if len(managers) != 1 || managers[0].Manager != "weir-agent" || managers[0].Operation != metav1.ManagedFieldsOperationApply {
		t.Fatalf("managers are %v", managers)
	}
	if fields := managers[0].FieldsV1.GetRawString(); fields != `{"f:spec":{"f:image":{}}}` {
		t.Errorf("managed fields are %s", fields)
	}
	if got.GetUID() == "" || got.GetGeneration() != 1 || got.GetCreationTimestamp().Time.IsZero() {
		t.Errorf("metadata is incomplete: %v", got.Object["metadata"])
	}
}

func TestApplyReturnsConflicts(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	options := metav1.ApplyOptions{FieldManager: "a"}
	if _, err := c.in(deployments, "default").Apply(ctx, "app", deployment(t, "app", `{image: one}`), options); err != nil {
		t.Fatal(err)
	}
	options.FieldManager = "b"
	_, err := c.in(deployments, "default").Apply(ctx, "app", deployment(t, "app", `{image: two}`), options)
	if !apierrors.IsConflict(err) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict) {
		t.Errorf("the conflict names no field: %#v", err)
	}
	if _, err := c.in(deployments, "nowhere").Apply(ctx, "app", deployment(t, "app", `{image: two}`), options); !apierrors.IsNotFound(err) ||
		err.Error() != `namespaces "nowhere" not found` {
		t.Errorf("in a namespace that is not there: %v", err)
	}
}
