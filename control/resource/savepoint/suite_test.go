package savepoint

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/openweir/weir/control/resource"
	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// prod is the only environment, on a cluster whose status may be stale.
var prod = &cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge"}

type onlyProd struct{}

func (onlyProd) Of(store.Reader, string) *store.Object[*cmfv1.Environment] {
	return store.NewObject(prod.GetName(), prod)
}

func (onlyProd) StaleWarning(_ store.Reader, cluster, _ string) string { return cluster + " is away" }

// open gives savepoints over an etcd of their own.
func open(t *testing.T) *Savepoints {
	t.Helper()
	s := storetest.New(storetest.Etcd(t))
	savepoints := New(s, resource.NewOwnership(s), resource.NewWatches(), onlyProd{}, onlyProd{})
	storetest.Start(t, s)
	return savepoints
}

// commit commits a change and gives what etcd has then.
func (s *Savepoints) commit(t *testing.T, change func(*store.Tx) error) *store.Snapshot {
	t.Helper()
	if err := s.try(t, change); err != nil {
		t.Fatal(err)
	}
	at, err := s.store.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (s *Savepoints) try(t *testing.T, change func(*store.Tx) error) error {
	t.Helper()
	return resource.Update(t.Context(), s.store, "Savepoint", change)
}
