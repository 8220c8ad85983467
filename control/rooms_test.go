package control

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/access/accesstest"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// put returns what writes a record of a collection.
func put[T proto.Message](s *store.Store, collection string) func(tx *store.Tx, key string, record T) {
	c := store.NewCollection[T](s, collection)
	return func(tx *store.Tx, key string, record T) { c.Put(tx, key, record) }
}

// serve serves all rooms over an etcd, without a leader or agents that would
// change what is there.
func serve(t *testing.T, etcd *clientv3.Client) *grpc.ClientConn {
	t.Helper()
	config := Config{Etcd: etcd, Replica: "replica-1", Authenticate: access.AllowAnonymous, Log: slog.New(slog.DiscardHandler)}
	if err := config.complete(); err != nil {
		t.Fatal(err)
	}
	s := store.New(etcd, Prefix, config.Log)
	rooms := newRooms(s, access.NewAuthorizer(), config)
	storetest.Start(t, s)
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			return handler(accesstest.Unrestricted(ctx, t), req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return handler(srv, permittedStream{stream, accesstest.Unrestricted(stream.Context(), t)})
		}),
	)
	rooms.register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:rooms", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	})
	return conn
}

// permittedStream is a stream of a caller with permissions.
type permittedStream struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // grpc.ServerStream has its context as a method
}

func (s permittedStream) Context() context.Context { return s.ctx }

// fill writes two resources of every kind.
func fill(t *testing.T, etcd *clientv3.Client) {
	t.Helper()
	s := store.New(etcd, Prefix, slog.New(slog.DiscardHandler))
	environments := put[*cmfv1.Environment](s, "environments")
	applications := put[*storev1.ApplicationRecord](s, "applications")
	status := put[*storev1.StatusRecord](s, "application-status")
	instances := put[*cmfv1.FlinkApplicationInstance](s, "instances")
	events := put[*cmfv1.FlinkApplicationEvent](s, "events")
	clusters := put[*cmfv1.KubernetesCluster](s, "clusters")
	sessions := put[*storev1.SessionRecord](s, "sessions")
	tokens := put[*storev1.AgentTokenRecord](s, "agent-tokens")
	machines := put[*storev1.MachineTokenRecord](s, "machine-tokens")
	secrets := put[*cmfv1.Secret](s, "secrets")
	mappings := put[*cmfv1.EnvironmentSecretMapping](s, "secret-mappings")
	bindings := put[*cmfv1.RoleBinding](s, "role-bindings")
	policies := put[*cmfv1.Policy](s, "policies")
	accounts := put[*cmfv1.ServiceAccountAllowlistEntry](s, "service-account-allowlist")
	catalogs := put[*cmfv1.KafkaCatalog](s, "catalogs")
	databases := put[*cmfv1.KafkaDatabase](s, "databases")
	pools := put[*cmfv1.ComputePool](s, "compute-pools")
	statements := put[*storev1.StatementRecord](s, "statements")
	savepoints := put[*storev1.SavepointRecord](s, "savepoints")
	detached := put[*cmfv1.Savepoint](s, "detached-savepoints")
	storetest.Start(t, s)
	m := func(name string) *cmfv1.ObjectMeta { return &cmfv1.ObjectMeta{Name: name, Uid: "uid-" + name} }
	_, err := s.Update(t.Context(), func(tx *store.Tx) error {
		for _, name := range []string{"prod", "test"} {
			environments(tx, name, &cmfv1.Environment{
				Name: name, KubernetesNamespace: "flink", KubernetesClusterName: "cluster-a", Metadata: &cmfv1.ObjectMeta{Name: name},
			})
		}
		for _, name := range []string{"orders", "carts"} {
			applications(tx, "prod/"+name, &storev1.ApplicationRecord{Application: &cmfv1.FlinkApplication{
				Metadata: m(name), Spec: &cmfv1.JsonObject{Json: `{"job":{"state":"running"}}`},
			}})
		}
		status(tx, "prod/orders", &storev1.StatusRecord{
			OwnerUid: "uid-orders", JobState: "RUNNING", UpdateTime: timestamppb.New(time.Unix(1, 0)), Status: `{"jobStatus":{"state":"RUNNING"}}`,
		})
		for _, name := range []string{"cluster-a", "cluster-b"} {
			clusters(tx, name, &cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Name: name}})
		}
		sessions(tx, "cluster-a", &storev1.SessionRecord{Replica: "r", LastHeartbeat: timestamppb.Now()})
		for _, name := range []string{"one1", "two2"} {
			savepoint := &cmfv1.Savepoint{Metadata: m(name), Spec: &cmfv1.SavepointSpec{}}
			instances(tx, "prod/orders/"+name, &cmfv1.FlinkApplicationInstance{Metadata: m(name)})
			events(tx, "prod/orders/"+name, &cmfv1.FlinkApplicationEvent{Metadata: &cmfv1.EventMetadata{Name: name}})
			secrets(tx, name, &cmfv1.Secret{Metadata: m(name), Spec: &cmfv1.SecretSpec{Data: map[string]string{"password": "sealed"}}})
			mappings(tx, "prod/"+name, &cmfv1.EnvironmentSecretMapping{Metadata: m(name), Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: name}})
			bindings(tx, name, &cmfv1.RoleBinding{Metadata: m(name), Spec: &cmfv1.RoleBindingSpec{Principal: "User:alice", Role: "SystemAdmin"}})
			policies(tx, name, &cmfv1.Policy{Metadata: m(name), Spec: &cmfv1.PolicySpec{Kinds: []string{"FlinkSessionJob"}, Validations: []*cmfv1.PolicyValidation{{Expression: "true"}}}})
			accounts(tx, name, &cmfv1.ServiceAccountAllowlistEntry{Metadata: m(name)})
			catalogs(tx, name, &cmfv1.KafkaCatalog{Metadata: m(name)})
			databases(tx, "one1/"+name, &cmfv1.KafkaDatabase{Metadata: m(name)})
			pools(tx, "prod/"+name, &cmfv1.ComputePool{Metadata: m(name), Spec: &cmfv1.ComputePoolSpec{Type: "DEDICATED"}})
			statements(tx, "prod/"+name, &storev1.StatementRecord{Statement: &cmfv1.Statement{Metadata: m(name), Spec: &cmfv1.StatementSpec{Statement: "SHOW TABLES"}}})
			savepoints(tx, "prod/applications/orders/"+name, &storev1.SavepointRecord{Savepoint: savepoint})
			savepoints(tx, "prod/statements/one1/"+name, &storev1.SavepointRecord{Savepoint: savepoint})
			tokens(tx, name, &storev1.AgentTokenRecord{Token: &cmfv1.AgentToken{Metadata: m(name)}})
			machines(tx, name, &storev1.MachineTokenRecord{Token: &cmfv1.MachineToken{Metadata: m(name)}})
			detached(tx, name, &cmfv1.Savepoint{Metadata: m(name)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// listed says of each list what it can be filtered by, beside name and labels,
// and what can be searched.
var listed = map[string]struct{ attributes, scopes []string }{
	"Environments":                   {nil, []string{"kubernetesNamespace", "name"}},
	"Applications":                   {[]string{"state"}, nil},
	"ApplicationInstances":           {},
	"ApplicationEvents":              {[]string{"type"}, []string{"flinkApplicationInstance", "message"}},
	"KubernetesClusters":             {[]string{"state"}, nil},
	"AgentTokens":                    {},
	"MachineTokens":                  {},
	"Secrets":                        {nil, []string{"environments", "name"}},
	"EnvironmentSecretMappings":      {},
	"KafkaCatalogs":                  {},
	"RoleBindings":                   {},
	"KafkaDatabases":                 {},
	"ComputePools":                   {[]string{"phase"}, nil},
	"Statements":                     {[]string{"phase"}, []string{"name", "statement"}},
	"SavepointsForFlinkApplication":  {[]string{"state"}, nil},
	"SavepointsForFlinkStatement":    {[]string{"state"}, nil},
	"DetachedSavepoints":             {[]string{"state"}, nil},
	"Policies":                       {},
	"ServiceAccountAllowlistEntries": {},
}

// allowed asks a list with one parameter, and returns what is wrong with it.
func allowed(t *testing.T, conn *grpc.ClientConn, list protoreflect.MethodDescriptor, parameter protoreflect.Name, value string) error {
	t.Helper()
	ask, err := request(list.Input())
	if err != nil {
		t.Fatal(err)
	}
	page, err := request(list.Output())
	if err != nil {
		t.Fatal(err)
	}
	m := ask.ProtoReflect()
	field := m.Descriptor().Fields().ByName(parameter)
	if field.IsList() {
		m.Mutable(field).List().Append(protoreflect.ValueOfString(value))
	} else {
		m.Set(field, protoreflect.ValueOfString(value))
	}
	if parameter == "search_scope" {
		m.Set(m.Descriptor().Fields().ByName("search"), protoreflect.ValueOfString("a"))
	}
	return conn.Invoke(t.Context(), path(list), ask, page)
}

// takesItsParameters checks that a list allows what its request has parameters
// for, and nothing that is not listed.
func takesItsParameters(t *testing.T, conn *grpc.ClientConn, list protoreflect.MethodDescriptor, plural string) {
	t.Helper()
	want, known := listed[plural]
	if !known {
		t.Fatal("is not listed")
	}
	has := func(parameter protoreflect.Name) bool { return list.Input().Fields().ByName(parameter) != nil }
	if has("search") != (len(want.scopes) > 0) || has("search_scope") != has("search") || len(want.attributes) > 0 && !has("filter") {
		t.Error("its request does not have the parameters for what is listed")
	}
	type try struct {
		parameter protoreflect.Name
		value     string
		ok        bool
	}
	tries := []try{{"sort", "none", false}}
	for _, property := range []string{"name", "uid", "creationTimestamp", "updateTimestamp"} {
		// Events never change.
		ok := property != "updateTimestamp" || plural != "ApplicationEvents"
		tries = append(tries, try{"sort", property, ok}, try{"sort", "metadata." + property + ",desc", ok})
	}
	if has("filter") {
		for _, attribute := range []string{"name", "labels.x", "state", "type", "phase", "colour"} {
			ok := attribute == "name" || attribute == "labels.x" || slices.Contains(want.attributes, attribute)
			tries = append(tries, try{"filter", attribute + "=x", ok})
		}
	}
	if has("search_scope") {
		for _, field := range []string{"name", "kubernetesNamespace", "environments", "statement", "message", "flinkApplicationInstance", "colour"} {
			tries = append(tries, try{"search_scope", field, slices.Contains(want.scopes, field)})
		}
	}
	if has("fields") {
		tries = append(tries, try{"fields", "metadata.name", true}, try{"fields", "colour", false})
	}
	for _, try := range tries {
		if err := allowed(t, conn, list, try.parameter, try.value); (err == nil) != try.ok {
			t.Errorf("with %s=%s: %v", try.parameter, try.value, err)
		}
	}
}

// scope names what lists and watches are of.
var scope = map[protoreflect.Name]string{"env_name": "prod", "app_name": "orders", "cat_name": "one1", "stmt_name": "one1"}

func request(d protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
	if err != nil {
		return nil, err
	}
	message := kind.New()
	for name, value := range scope {
		if field := d.Fields().ByName(name); field != nil {
			message.Set(field, protoreflect.ValueOfString(value))
		}
	}
	return message.Interface(), nil
}

// pageable is the part of a list's request that a watch has no use for.
var pageable = map[protoreflect.Name]bool{"page": true, "size": true, "sort": true, "include_resource_information": true}

// Every list of resources has a watch, which takes what the list takes and
// begins with what the list gives.
func TestEveryListHasItsWatch(t *testing.T) {
	etcd := storetest.Etcd(t)
	fill(t, etcd)
	conn := serve(t, etcd)
	lists := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("cmf.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				list := methods.Get(j)
				plural, ok := strings.CutPrefix(string(list.Name()), "List")
				if !ok || list.Input().Fields().ByName("page") == nil {
					continue
				}
				lists++
				t.Run(plural, func(t *testing.T) {
					watch := methods.ByName(protoreflect.Name("Watch" + plural))
					if watch == nil {
						t.Fatal("has no watch")
					}
					sameParameters(t, list.Input(), watch.Input())
					sameResources(t, conn, list, watch)
					takesItsParameters(t, conn, list, plural)
				})
			}
		}
		return true
	})
	if lists != 19 {
		t.Errorf("there are %d lists", lists)
	}
}

func sameParameters(t *testing.T, list, watch protoreflect.MessageDescriptor) {
	t.Helper()
	want, got := map[string]bool{"resourceVersion": true}, map[string]bool{}
	for i := range list.Fields().Len() {
		if f := list.Fields().Get(i); !pageable[f.Name()] {
			want[f.JSONName()] = true
		}
	}
	for i := range watch.Fields().Len() {
		got[watch.Fields().Get(i).JSONName()] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

func path(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

func sameResources(t *testing.T, conn *grpc.ClientConn, list, watch protoreflect.MethodDescriptor) {
	t.Helper()
	ask, err := request(list.Input())
	if err != nil {
		t.Fatal(err)
	}
	page, err := request(list.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Invoke(t.Context(), path(list), ask, page); err != nil {
		t.Fatal(err)
	}
	if ask, err = request(watch.Input()); err != nil {
		t.Fatal(err)
	}
	stream, err := conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, path(watch))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(ask); err != nil {
		t.Fatal(err)
	}
	var got []proto.Message
	for {
		response, err := request(watch.Output())
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.RecvMsg(response); err != nil {
			t.Fatal(err)
		}
		m := response.ProtoReflect()
		kind := m.Get(m.Descriptor().Fields().ByName("type")).Enum()
		if kind == cmfv1.WatchEventType_WATCH_EVENT_TYPE_SYNCED.Number() {
			break
		}
		got = append(got, m.Get(m.Descriptor().Fields().ByName("object")).Message().Interface())
	}
	items := page.ProtoReflect().Get(list.Output().Fields().ByName("items")).List()
	want := map[string]proto.Message{}
	for i := range items.Len() {
		item := items.Get(i).Message().Interface()
		want[string(wireForm(t, item))] = item
	}
	if len(got) != 2 || items.Len() != 2 {
		t.Errorf("the watch begins with %d resources, the list gives %d", len(got), items.Len())
	}
	for _, object := range got {
		if diff := cmp.Diff(want[string(wireForm(t, object))], object, protocmp.Transform()); diff != "" {
			t.Errorf("(-list +watch):\n%s", diff)
		}
	}
}

// wireForm gives a message in a form that equal ones share.
func wireForm(t *testing.T, m proto.Message) []byte {
	t.Helper()
	wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}
