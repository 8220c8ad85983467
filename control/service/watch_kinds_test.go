package service

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// fill writes two resources of every kind.
func (r *replica) fill(t *testing.T) {
	t.Helper()
	s := r.state
	m := func(name string) *cmfv1.ObjectMeta { return &cmfv1.ObjectMeta{Name: name, Uid: "uid-" + name} }
	r.putEnvironment(t, "prod")
	r.putEnvironment(t, "test")
	r.commit(t, r.putApplication("orders", "1"), r.putApplication("carts", "1"), r.putStatus("orders", "RUNNING", 1))
	r.commit(t, s.Clusters.Put("cluster-a", &cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Name: "cluster-a"}}),
		s.Clusters.Put("cluster-b", &cmfv1.KubernetesCluster{Metadata: &cmfv1.KubernetesClusterMetadata{Name: "cluster-b"}}),
		s.Sessions.Put("cluster-a", &storev1.SessionRecord{Replica: "r", LastHeartbeat: timestamppb.Now()}))
	for _, name := range []string{"one1", "two2"} {
		savepoint := &cmfv1.Savepoint{Metadata: m(name), Spec: &cmfv1.SavepointSpec{}}
		r.commit(t,
			s.Instances.Put("prod/orders/"+name, &cmfv1.FlinkApplicationInstance{Metadata: m(name)}),
			s.Events.Put("prod/orders/"+name, &cmfv1.FlinkApplicationEvent{Metadata: &cmfv1.EventMetadata{Name: name}}),
			s.Secrets.Put(name, &cmfv1.Secret{Metadata: m(name), Spec: &cmfv1.SecretSpec{Data: map[string]string{"password": "sealed"}}}),
			s.SecretMappings.Put("prod/"+name, &cmfv1.EnvironmentSecretMapping{Metadata: m(name), Spec: &cmfv1.EnvironmentSecretMappingSpec{SecretName: name}}),
			s.Catalogs.Put(name, &cmfv1.KafkaCatalog{Metadata: m(name)}),
			s.Databases.Put("one1/"+name, &cmfv1.KafkaDatabase{Metadata: m(name)}),
			s.ComputePools.Put("prod/"+name, &cmfv1.ComputePool{Metadata: m(name), Spec: &cmfv1.ComputePoolSpec{Type: "DEDICATED"}}),
			s.Statements.Put("prod/"+name, &storev1.StatementRecord{Statement: &cmfv1.Statement{Metadata: m(name), Spec: &cmfv1.StatementSpec{Statement: "SHOW TABLES"}}}),
			s.Savepoints.Put("prod/applications/orders/"+name, &storev1.SavepointRecord{Savepoint: savepoint}),
			s.Savepoints.Put("prod/statements/one1/"+name, &storev1.SavepointRecord{Savepoint: savepoint}),
			s.DetachedSavepoints.Put(name, &cmfv1.Savepoint{Metadata: m(name)}),
		)
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
	r := startReplica(t, startEtcd(t))
	r.fill(t)
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
					r.sameResources(t, list, watch)
				})
			}
		}
		return true
	})
	if lists != 14 {
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
	equal(t, "parameters", want, got)
}

func (r *replica) sameResources(t *testing.T, list, watch protoreflect.MethodDescriptor) {
	t.Helper()
	path := func(m protoreflect.MethodDescriptor) string {
		return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	}
	ask, err := request(list.Input())
	if err != nil {
		t.Fatal(err)
	}
	page, err := request(list.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.conn.Invoke(t.Context(), path(list), ask, page); err != nil {
		t.Fatal(err)
	}
	if ask, err = request(watch.Input()); err != nil {
		t.Fatal(err)
	}
	stream, err := r.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true}, path(watch))
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
