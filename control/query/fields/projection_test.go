package fields

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func project[M proto.Message](t testing.TB, input string, message M) M {
	t.Helper()
	projection, violations := Parse(message.ProtoReflect().Descriptor(), input)
	if len(violations) > 0 {
		t.Fatalf("Parse(%q): %q", input, violations)
	}
	return Apply(projection, message)
}

func open(json string) *cmfv1.JsonObject { return &cmfv1.JsonObject{Json: json} }

func application() *cmfv1.FlinkApplication {
	return &cmfv1.FlinkApplication{
		ApiVersion: "cmf.confluent.io/v1",
		Kind:       "FlinkApplication",
		Metadata: &cmfv1.ObjectMeta{
			Name:              "orders",
			CreationTimestamp: &timestamppb.Timestamp{Seconds: 7, Nanos: 9},
			Labels:            map[string]string{"team": "a", "app.kubernetes.io/name": "orders"},
		},
		Spec: open(`{"image":"flink:2.0","flinkConfiguration":{"taskmanager.numberOfTaskSlots":"4","a":"b"},` +
			`"job":{"parallelism":3}}`),
	}
}

func TestApply(t *testing.T) {
	app := func(change func(*cmfv1.FlinkApplication)) proto.Message {
		want := &cmfv1.FlinkApplication{ApiVersion: "cmf.confluent.io/v1", Kind: "FlinkApplication"}
		change(want)
		return want
	}
	tests := []struct {
		name, fields string
		message      proto.Message
		want         proto.Message
	}{
		{"apiVersion and kind stay", "status", application(), app(func(*cmfv1.FlinkApplication) {})},
		{"one field of metadata", "metadata.name", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = &cmfv1.ObjectMeta{Name: "orders"}
		})},
		{"spaces around paths", " metadata.name , kind ", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = &cmfv1.ObjectMeta{Name: "orders"}
		})},
		{"a timestamp", "metadata.creationTimestamp", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = &cmfv1.ObjectMeta{CreationTimestamp: &timestamppb.Timestamp{Seconds: 7, Nanos: 9}}
		})},
		{"a whole message", "metadata", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = application().GetMetadata()
		})},
		{"an object and a part of it", "metadata.name,metadata", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = application().GetMetadata()
		})},
		{"one label", "metadata.labels.team", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = &cmfv1.ObjectMeta{Labels: map[string]string{"team": "a"}}
		})},
		{"a label with dots in its key", "metadata.labels.app.kubernetes.io/name", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Metadata = &cmfv1.ObjectMeta{Labels: map[string]string{"app.kubernetes.io/name": "orders"}}
		})},
		{"an absent label", "metadata.labels.none", application(), app(func(*cmfv1.FlinkApplication) {})},
		{"inside open JSON", "spec.image,spec.job.parallelism", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Spec = open(`{"image":"flink:2.0","job":{"parallelism":3}}`)
		})},
		{"a whole open-ended object", "spec", application(), app(func(a *cmfv1.FlinkApplication) { a.Spec = application().GetSpec() })},
		{"a key with dots in open JSON", "spec.flinkConfiguration.taskmanager.numberOfTaskSlots", application(), app(func(a *cmfv1.FlinkApplication) {
			a.Spec = open(`{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"4"}}`)
		})},
		{"an absent field of open-ended JSON", "spec.none,spec.image.none", application(), app(func(*cmfv1.FlinkApplication) {})},
		{"an environment has no kind", "name", &cmfv1.Environment{Name: "test", KubernetesNamespace: "flink"},
			&cmfv1.Environment{Name: "test"}},
		{
			"labels that can be absent", "metadata.labels.a.b",
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{
				Labels: &cmfv1.StringMap{Entries: map[string]string{"a.b": "1", "a": "2"}},
			}},
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{
				Labels: &cmfv1.StringMap{Entries: map[string]string{"a.b": "1"}},
			}},
		},
		{
			"labels that are empty", "metadata.labels",
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Name: "c", Labels: &cmfv1.StringMap{}}},
			&cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Labels: &cmfv1.StringMap{}}},
		},
		{
			"each element of a list", "spec.kafkaClusters.connectionSecretId",
			&cmfv1.KafkaCatalog{Spec: &cmfv1.KafkaCatalogSpec{KafkaClusters: []*cmfv1.CatalogKafkaCluster{
				{DatabaseName: "a", ConnectionSecretId: "s"}, {DatabaseName: "b"},
			}}},
			&cmfv1.KafkaCatalog{Spec: &cmfv1.KafkaCatalogSpec{KafkaClusters: []*cmfv1.CatalogKafkaCluster{
				{ConnectionSecretId: "s"}, {},
			}}},
		},
		{
			"open JSON in a list", "result.results.data.op",
			&cmfv1.Statement{Result: &cmfv1.StatementResult{Kind: "StatementResult", Results: &cmfv1.StatementResults{
				Data: []*cmfv1.JsonObject{open(`{"op":0,"row":["a"]}`), open(`{"row":[]}`)},
			}}},
			&cmfv1.Statement{Result: &cmfv1.StatementResult{Results: &cmfv1.StatementResults{
				Data: []*cmfv1.JsonObject{open(`{"op":0}`), open(`{}`)},
			}}},
		},
		{
			"a list of scalars", "status.environments",
			&cmfv1.Secret{Status: &cmfv1.SecretStatus{Version: "1", Environments: []string{"a", "b"}}},
			&cmfv1.Secret{Status: &cmfv1.SecretStatus{Environments: []string{"a", "b"}}},
		},
		{
			"one of several", "status.data.newStatus",
			&cmfv1.FlinkApplicationEvent{Status: &cmfv1.EventStatus{
				Type: "JOB_STATUS", Data: &cmfv1.EventData{Data: &cmfv1.EventData_NewStatus{NewStatus: "RUNNING"}},
			}},
			&cmfv1.FlinkApplicationEvent{Status: &cmfv1.EventStatus{
				Data: &cmfv1.EventData{Data: &cmfv1.EventData_NewStatus{NewStatus: "RUNNING"}},
			}},
		},
		{
			"a number that is zero and present", "spec.backoffLimit",
			&cmfv1.Savepoint{Spec: &cmfv1.SavepointSpec{Path: "s3://x", BackoffLimit: proto.Int32(0)}},
			&cmfv1.Savepoint{Spec: &cmfv1.SavepointSpec{BackoffLimit: proto.Int32(0)}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := proto.Clone(test.message)
			got := project(t, test.fields, test.message)
			if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("fields=%s (-want +got):\n%s", test.fields, diff)
			}
			if diff := cmp.Diff(before, test.message, protocmp.Transform()); diff != "" {
				t.Errorf("fields=%s changed the message itself (-before +after):\n%s", test.fields, diff)
			}
			if diff := cmp.Diff(got, project(t, test.fields, got), protocmp.Transform()); diff != "" {
				t.Errorf("fields=%s applied again changes more (-once +twice):\n%s", test.fields, diff)
			}
		})
	}
}

func TestApplyAll(t *testing.T) {
	messages := []*cmfv1.Environment{{Name: "a", KubernetesNamespace: "x"}, {Name: "b"}}
	projection, _ := Parse(messages[0].ProtoReflect().Descriptor(), "kubernetesNamespace")
	want := []*cmfv1.Environment{{KubernetesNamespace: "x"}, {}}
	if diff := cmp.Diff(want, ApplyAll(projection, messages), protocmp.Transform()); diff != "" {
		t.Errorf("projected (-want +got):\n%s", diff)
	}
	if all := ApplyAll(Projection{}, messages); all[0] != messages[0] || all[1] != messages[1] {
		t.Error("a projection to all gives other messages")
	}
}
