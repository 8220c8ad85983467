package cluster

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestCheckUpdate(t *testing.T) {
	for name, test := range map[string]struct {
		update *cmfv1.KubernetesCluster
		want   []string
	}{
		"only what changes":     {update: &cmfv1.KubernetesCluster{}},
		"named as in the path":  {update: &cmfv1.KubernetesCluster{Kind: "KubernetesCluster", Metadata: &cmfv1.KubernetesClusterMetadata{Name: "edge"}}},
		"another name and kind": {&cmfv1.KubernetesCluster{Kind: "Environment", Metadata: &cmfv1.KubernetesClusterMetadata{Name: "core"}}, []string{"metadata.name: must equal the name in the path, 'edge'", `kind: must be "KubernetesCluster"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var messages []string
			if refused, ok := errors.AsType[*apierror.Error](checkUpdate("edge", test.update)); ok {
				messages = refused.Messages()
			}
			same(t, messages, test.want)
		})
	}
}

func TestUpdated(t *testing.T) {
	entries := func(key string) *cmfv1.StringMap {
		return &cmfv1.StringMap{Entries: map[string]string{key: "x"}}
	}
	before := cluster("ACTIVE")
	before.Metadata.Uid, before.Metadata.Labels, before.Metadata.Annotations = "u", entries("a"), entries("b")
	for name, test := range map[string]struct {
		update *cmfv1.KubernetesCluster
		change func(*cmfv1.KubernetesCluster)
	}{
		"nothing": {&cmfv1.KubernetesCluster{}, func(*cmfv1.KubernetesCluster) {}},
		"only the life cycle": {
			&cmfv1.KubernetesCluster{Spec: &cmfv1.KubernetesClusterSpec{LifecycleState: "DECOMMISSIONED"}},
			func(c *cmfv1.KubernetesCluster) { c.Spec.LifecycleState = "DECOMMISSIONED" },
		},
		"labels replaced, annotations cleared": {
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Labels: entries("c"), Annotations: &cmfv1.StringMap{}}},
			func(c *cmfv1.KubernetesCluster) {
				c.Metadata.Labels, c.Metadata.Annotations = entries("c"), &cmfv1.StringMap{}
			},
		},
		"what is output only stays": {
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Uid: "other"}, Status: &cmfv1.KubernetesClusterStatus{State: "CONNECTED"}},
			func(*cmfv1.KubernetesCluster) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, original := proto.CloneOf(before), proto.CloneOf(before)
			test.change(want)
			same(t, updated(before, test.update), want, protocmp.Transform())
			same(t, before, original, protocmp.Transform())
		})
	}
}
