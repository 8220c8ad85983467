package query

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// declared is what a kind allows, without its type.
type declared struct {
	sort, attributes, scopes    []string
	filter, projection, uid, ok bool
}

func declare[T any](kind *Kind[T]) declared {
	return declared{
		sort: names(kind.Sort), attributes: names(kind.Attributes), scopes: names(kind.Scopes),
		filter: kind.Filterable, projection: kind.Message != nil, uid: kind.UID != nil,
		ok: kind.Plural != "" && kind.Name != nil && (kind.Labels != nil || !kind.Filterable),
	}
}

// list is a request for a page, with the kind behind it.
type list struct {
	request            proto.Message
	kind               declared
	attributes, scopes string
}

// lists are all lists of the API.
var lists = []list{
	{&cmfv1.ListEnvironmentsRequest{}, declare(Environments), "", "kubernetesNamespace name"},
	{&cmfv1.ListApplicationsRequest{}, declare(Applications), "state", ""},
	{&cmfv1.ListApplicationInstancesRequest{}, declare(Instances), "", ""},
	{&cmfv1.ListApplicationEventsRequest{}, declare(Events), "type", "flinkApplicationInstance message"},
	{&cmfv1.ListKubernetesClustersRequest{}, declare(KubernetesClusters), "state", ""},
	{&cmfv1.ListSecretsRequest{}, declare(Secrets), "", "environments name"},
	{&cmfv1.ListEnvironmentSecretMappingsRequest{}, declare(SecretMappings), "", ""},
	{&cmfv1.ListKafkaCatalogsRequest{}, declare(KafkaCatalogs), "", ""},
	{&cmfv1.ListKafkaDatabasesRequest{}, declare(KafkaDatabases), "", ""},
	{&cmfv1.ListComputePoolsRequest{}, declare(ComputePools), "phase", ""},
	{&cmfv1.ListStatementsRequest{}, declare(Statements), "phase", "name statement"},
	{&cmfv1.ListSavepointsForFlinkApplicationRequest{}, declare(Savepoints), "state", ""},
	{&cmfv1.ListSavepointsForFlinkStatementRequest{}, declare(Savepoints), "state", ""},
	{&cmfv1.ListDetachedSavepointsRequest{}, declare(Savepoints), "state", ""},
}

// A kind allows a parameter if and only if the requests have it.
func TestKindsAgreeWithTheirRequests(t *testing.T) {
	for _, list := range lists {
		message := list.request.ProtoReflect().Descriptor()
		t.Run(string(message.Name()), func(t *testing.T) {
			has := func(parameter string) bool { return message.Fields().ByJSONName(parameter) != nil }
			if !list.kind.ok {
				t.Error("the kind lacks a name, a plural or labels")
			}
			for parameter, allowed := range map[string]bool{
				"page": true, "size": true, "sort": true,
				"filter": list.kind.filter, "fields": list.kind.projection,
				"search": len(list.kind.scopes) > 0, "searchScope": len(list.kind.scopes) > 0,
			} {
				if has(parameter) != allowed {
					t.Errorf("%s: the request has it: %v, the kind allows it: %v", parameter, has(parameter), allowed)
				}
			}
			if got := strings.Join(list.kind.attributes, " "); got != list.attributes {
				t.Errorf("attributes %q, want %q", got, list.attributes)
			}
			if got := strings.Join(list.kind.scopes, " "); got != list.scopes {
				t.Errorf("scopes %q, want %q", got, list.scopes)
			}
			for _, property := range []string{"name", "creationTimestamp", "updateTimestamp", "uid"} {
				if property == "updateTimestamp" && message.Name() == "ListApplicationEventsRequest" {
					continue // events never change
				}
				if !slices.Contains(list.kind.sort, property) || !slices.Contains(list.kind.sort, "metadata."+property) {
					t.Errorf("cannot be sorted by %s and metadata.%s", property, property)
				}
			}
		})
	}
}

// Every request of the API that has a page is listed above.
func TestEveryListHasAKind(t *testing.T) {
	for _, file := range []proto.Message{
		&cmfv1.Environment{}, &cmfv1.FlinkApplication{}, &cmfv1.FlinkApplicationInstance{}, &cmfv1.FlinkApplicationEvent{},
		&cmfv1.KubernetesCluster{}, &cmfv1.Secret{}, &cmfv1.EnvironmentSecretMapping{}, &cmfv1.KafkaCatalog{},
		&cmfv1.KafkaDatabase{}, &cmfv1.ComputePool{}, &cmfv1.Statement{}, &cmfv1.Savepoint{},
	} {
		messages := file.ProtoReflect().Descriptor().ParentFile().Messages()
		for i := range messages.Len() {
			m := messages.Get(i)
			if !strings.HasSuffix(string(m.Name()), "Request") || m.Fields().ByJSONName("page") == nil {
				continue
			}
			if !slices.ContainsFunc(lists, func(l list) bool { return l.request.ProtoReflect().Descriptor() == m }) {
				t.Errorf("%s has no kind", m.Name())
			}
		}
	}
}

func at(second int64) *timestamppb.Timestamp { return &timestamppb.Timestamp{Seconds: second} }

func meta(name string, created, updated int64) *cmfv1.ObjectMeta {
	return &cmfv1.ObjectMeta{Name: name, Uid: "u-" + name, CreationTimestamp: at(created), UpdateTimestamp: at(updated)}
}

// listed runs a request and joins the names of what it gives.
func listed[T any](t *testing.T, kind *Kind[T], params Params, items ...T) string {
	t.Helper()
	q, err := Parse(kind, params)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, item := range q.Run(items).Items {
		names = append(names, kind.Name(item))
	}
	return strings.Join(names, " ")
}

func TestEnvironments(t *testing.T) {
	items := []*cmfv1.Environment{
		{Name: "test", CreatedTime: at(1), UpdatedTime: at(9), KubernetesNamespace: "flink-a"},
		{Name: "prod", CreatedTime: at(2), UpdatedTime: at(3), KubernetesNamespace: "flink-b",
			Metadata: &cmfv1.ObjectMeta{Labels: map[string]string{"tier": "1"}}},
	}
	for params, want := range map[*Params]string{
		{}: "prod test",
		{Sort: []string{"creationTimestamp,desc"}}:             "prod test",
		{Sort: []string{"metadata.updateTimestamp,desc"}}:      "test prod",
		{Filter: "labels.tier=1"}:                              "prod",
		{Search: "A", SearchScope: "kubernetesNamespace"}:      "test",
		{Search: "o", SearchScope: "kubernetesNamespace"}:      "",
		{Search: "o", SearchScope: "kubernetesNamespace,name"}: "prod",
	} {
		if got := listed(t, Environments, *params, items...); got != want {
			t.Errorf("%+v gives %q, want %q", *params, got, want)
		}
	}
}

func TestApplicationsSortByTheChangeOfTheSpecification(t *testing.T) {
	application := func(name, state string, specUpdated, shown int64) Application {
		return Application{
			FlinkApplication: &cmfv1.FlinkApplication{Metadata: meta(name, 1, shown)},
			State:            state, SpecUpdated: time.Unix(specUpdated, 0),
		}
	}
	items := []Application{application("late-status", "RUNNING", 2, 9), application("late-spec", "FAILED", 5, 5)}
	for params, want := range map[*Params]string{
		{}:                                   "late-spec late-status",
		{Sort: []string{"updateTimestamp"}}:  "late-status late-spec",
		{Filter: "state=running"}:            "late-status",
		{Filter: "state notin (RUNNING)"}:    "late-spec",
		{Fields: "metadata.name,spec.image"}: "late-spec late-status",
	} {
		if got := listed(t, Applications, *params, items...); got != want {
			t.Errorf("%+v gives %q, want %q", *params, got, want)
		}
	}
}

func TestEventsAndInstancesComeNewestFirst(t *testing.T) {
	event := func(name string, second int64, typ, message, instance string) *cmfv1.FlinkApplicationEvent {
		return &cmfv1.FlinkApplicationEvent{
			Metadata: &cmfv1.EventMetadata{Name: name, Uid: name, CreationTimestamp: at(second), FlinkApplicationInstance: instance},
			Status:   &cmfv1.EventStatus{Type: typ, Message: message},
		}
	}
	events := []*cmfv1.FlinkApplicationEvent{
		event("c", 1, "JOB_STATUS", "Job is RUNNING", "i-1"), event("b", 5, "CMF_STATUS", "Created", "i-10"), event("a", 5, "CMF_STATUS", "", ""),
	}
	for params, want := range map[*Params]string{
		// Of one time, the greater name is the newer.
		{}: "b a c",
		{Sort: []string{"creationTimestamp,desc", "name"}}:       "a b c",
		{Sort: []string{"creationTimestamp"}}:                    "c a b",
		{Filter: "type in (cmf_status)"}:                         "b a",
		{Search: "running", SearchScope: "message"}:              "c",
		{Search: "i-1", SearchScope: "flinkApplicationInstance"}: "c",
	} {
		if got := listed(t, Events, *params, events...); got != want {
			t.Errorf("%+v gives %q, want %q", *params, got, want)
		}
	}
	if got := listed(t, Instances, Params{},
		&cmfv1.FlinkApplicationInstance{Metadata: meta("a", 1, 1)},
		&cmfv1.FlinkApplicationInstance{Metadata: meta("b", 2, 2)},
	); got != "b a" {
		t.Errorf("instances come as %q", got)
	}
}

func TestOtherKinds(t *testing.T) {
	cluster := func(name, state string) *cmfv1.KubernetesCluster {
		return &cmfv1.KubernetesCluster{
			Metadata: &cmfv1.KubernetesClusterMetadata{Name: name, Labels: &cmfv1.StringMap{Entries: map[string]string{"at": name}}},
			Status:   &cmfv1.KubernetesClusterStatus{State: state},
		}
	}
	clusters := []*cmfv1.KubernetesCluster{cluster("hub", "CONNECTED"), cluster("edge", "DISCONNECTED")}
	secret := &cmfv1.Secret{Metadata: meta("keys", 1, 1), Status: &cmfv1.SecretStatus{Environments: []string{"test", "prod"}}}
	statement := &cmfv1.Statement{Metadata: meta("stmt", 1, 1), Spec: &cmfv1.StatementSpec{Statement: "SELECT 1"}, Status: &cmfv1.StatementStatus{Phase: "PENDING"}}
	pool := &cmfv1.ComputePool{Metadata: meta("pool", 1, 1), Status: &cmfv1.ComputePoolStatus{Phase: "RUNNING"}}
	savepoint := &cmfv1.Savepoint{Metadata: meta("save", 1, 1), Status: &cmfv1.SavepointStatus{State: "FAILED"}}

	got := map[string]string{
		"clusters by state":        listed(t, KubernetesClusters, Params{Filter: "state=CONNECTED"}, clusters...),
		"clusters by label":        listed(t, KubernetesClusters, Params{Filter: "labels.at=edge"}, clusters...),
		"clusters":                 listed(t, KubernetesClusters, Params{Sort: []string{"metadata.name,desc"}}, clusters...),
		"secrets by environment":   listed(t, Secrets, Params{Search: "pro", SearchScope: "environments"}, secret),
		"statements by text":       listed(t, Statements, Params{Search: "select", SearchScope: "statement,name"}, statement),
		"statements by phase":      listed(t, Statements, Params{Filter: "phase=RUNNING"}, statement),
		"compute pools by phase":   listed(t, ComputePools, Params{Filter: "phase=RUNNING"}, pool),
		"savepoints by state":      listed(t, Savepoints, Params{Filter: "state!=COMPLETED"}, savepoint),
		"mappings by name and uid": listed(t, SecretMappings, Params{Sort: []string{"name", "uid"}}, &cmfv1.EnvironmentSecretMapping{Metadata: meta("map1", 1, 1)}),
		"catalogs":                 listed(t, KafkaCatalogs, Params{}, &cmfv1.KafkaCatalog{Metadata: meta("cat2", 1, 1)}, &cmfv1.KafkaCatalog{Metadata: meta("cat1", 1, 1)}),
		"databases":                listed(t, KafkaDatabases, Params{Sort: []string{"creationTimestamp"}}, &cmfv1.KafkaDatabase{Metadata: meta("db", 1, 1)}),
	}
	want := map[string]string{
		"clusters by state":        "hub",
		"clusters by label":        "edge",
		"clusters":                 "hub edge",
		"secrets by environment":   "keys",
		"statements by text":       "stmt",
		"statements by phase":      "",
		"compute pools by phase":   "pool",
		"savepoints by state":      "save",
		"mappings by name and uid": "map1",
		"catalogs":                 "cat1 cat2",
		"databases":                "db",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
}

// No resource is so empty that listing it fails.
func TestResourcesWithoutAnything(t *testing.T) {
	listed(t, Environments, Params{Filter: "labels.a", Search: "a", SearchScope: "name", Sort: []string{"updateTimestamp"}}, &cmfv1.Environment{}, nil)
	listed(t, Applications, Params{Filter: "state=a", Sort: []string{"updateTimestamp", "creationTimestamp"}}, Application{}, Application{})
	listed(t, Instances, Params{}, &cmfv1.FlinkApplicationInstance{}, nil)
	listed(t, Events, Params{Filter: "type!=a"}, &cmfv1.FlinkApplicationEvent{}, nil)
	listed(t, KubernetesClusters, Params{Filter: "!labels.a", Sort: []string{"creationTimestamp"}}, &cmfv1.KubernetesCluster{}, nil)
	listed(t, Secrets, Params{Filter: "!labels.a", Search: "a", SearchScope: "environments"}, &cmfv1.Secret{}, nil)
	listed(t, Statements, Params{Filter: "phase!=a"}, &cmfv1.Statement{}, nil)
	listed(t, ComputePools, Params{Filter: "phase!=a"}, &cmfv1.ComputePool{}, nil)
	listed(t, Savepoints, Params{Filter: "state!=a", Sort: []string{"creationTimestamp"}}, &cmfv1.Savepoint{}, nil)
}
