package environment

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestRequestedName(t *testing.T) {
	same(t, requestedName(&cmfv1.Environment{Name: "top"}), "top")
	same(t, requestedName(&cmfv1.Environment{Metadata: &cmfv1.ObjectMeta{Name: "meta"}}), "meta")
	same(t, requestedName(&cmfv1.Environment{}), "")
}

func TestWithUpdate(t *testing.T) {
	configuration := func(value string) *cmfv1.StatementDefaults {
		return &cmfv1.StatementDefaults{FlinkConfiguration: map[string]string{"key": value}}
	}
	before := &cmfv1.Environment{
		Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge",
		FlinkApplicationDefaults: open(`{"spec":{"image":"a"}}`),
		ComputePoolDefaults:      open(`{"clusterSpec":{}}`),
		StatementDefaults:        &cmfv1.AllStatementDefaults{Detached: configuration("a"), Interactive: configuration("b")},
		Metadata:                 &cmfv1.ObjectMeta{Name: "prod", Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"note": "b"}},
	}
	for name, test := range map[string]struct {
		update *cmfv1.Environment
		change func(*cmfv1.Environment) // of a copy of before
	}{
		"what is absent stays": {&cmfv1.Environment{Name: "prod"}, func(*cmfv1.Environment) {}},
		"a value replaces the stored one as a whole": {
			&cmfv1.Environment{FlinkApplicationDefaults: open(`{"metadata":{}}`)},
			func(e *cmfv1.Environment) { e.FlinkApplicationDefaults = open(`{"metadata":{}}`) },
		},
		"an empty object clears": {
			&cmfv1.Environment{FlinkApplicationDefaults: open(`{}`)},
			func(e *cmfv1.Environment) { e.FlinkApplicationDefaults = nil },
		},
		"an empty object with white space as well": {
			&cmfv1.Environment{ComputePoolDefaults: open("{ \n }")},
			func(e *cmfv1.Environment) { e.ComputePoolDefaults = nil },
		},
		"empty statement defaults change nothing": {
			&cmfv1.Environment{StatementDefaults: &cmfv1.AllStatementDefaults{}}, func(*cmfv1.Environment) {},
		},
		"statement defaults of one way to run": {
			&cmfv1.Environment{StatementDefaults: &cmfv1.AllStatementDefaults{Detached: configuration("c")}},
			func(e *cmfv1.Environment) { e.StatementDefaults.Detached = configuration("c") },
		},
		"no statement defaults": {
			&cmfv1.Environment{StatementDefaults: &cmfv1.AllStatementDefaults{Interactive: &cmfv1.StatementDefaults{}}},
			func(e *cmfv1.Environment) { e.StatementDefaults.Interactive = &cmfv1.StatementDefaults{} },
		},
		"labels and annotations": {
			&cmfv1.Environment{Metadata: &cmfv1.ObjectMeta{Labels: map[string]string{"x": "y"}, Annotations: map[string]string{}}},
			func(e *cmfv1.Environment) {
				e.Metadata.Labels, e.Metadata.Annotations = map[string]string{"x": "y"}, nil
			},
		},
		"what is output only, or fixed, stays": {
			&cmfv1.Environment{
				KubernetesNamespace: "other", Secrets: map[string]string{"a": "b"}, Status: &cmfv1.EnvironmentStatus{},
				Metadata: &cmfv1.ObjectMeta{Name: "other", Uid: "u"},
			},
			func(*cmfv1.Environment) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, original := proto.CloneOf(before), proto.CloneOf(before)
			test.change(want)
			same(t, withUpdate(before, test.update), want, protocmp.Transform())
			if !cmp.Equal(before, original, protocmp.Transform()) {
				t.Error("the stored environment has been changed")
			}
		})
	}
}
