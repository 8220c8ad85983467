package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/openweir/weir/control/store/embedded"
	"github.com/openweir/weir/control/store/storetest"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// replica is a candidate whose duty reports when it begins and ends.
type replica struct {
	begun, ended chan string
	others       chan string // that another duty has begun
	fail         chan error  // what the duty is to fail with
	stop         func()
}

// errPanic makes the duty panic instead of failing.
var errPanic = errors.New("panic")

func stand(t *testing.T, etcd *clientv3.Client, name string) *replica {
	t.Helper()
	r := &replica{begun: make(chan string, 10), ended: make(chan string, 10), others: make(chan string, 10), fail: make(chan error)}
	e := New(Config{
		Etcd: etcd, Key: "/test-leader", Replica: name, Log: slog.New(slog.DiscardHandler),
		Duties: []func(context.Context) error{
			func(ctx context.Context) error {
				r.begun <- name
				defer func() { r.ended <- name }()
				select {
				case err := <-r.fail:
					if errors.Is(err, errPanic) {
						panic(err)
					}
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			},
			func(ctx context.Context) error { r.others <- name; <-ctx.Done(); return ctx.Err() },
		},
	})
	e.backoff = 0
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s ended with %v", name, err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

func TestOneReplicaLeadsAndAnotherSucceedsIt(t *testing.T) {
	etcd := storetest.Etcd(t)
	one := stand(t, etcd, "one")
	await.Receive(t, "the only replica to lead", one.begun)
	two := stand(t, etcd, "two")
	candidates := func() int64 {
		got, err := etcd.Get(t.Context(), "/test-leader/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		return got.Count
	}
	await.Until(t, "both stand for election", func() bool { return candidates() == 2 })
	select {
	case <-two.begun:
		t.Fatal("two replicas lead at once")
	default:
	}
	one.stop()
	await.Receive(t, "the first leader's duty to end", one.ended)
	await.Receive(t, "the other replica to lead", two.begun)
}

func TestAFailedDutyBeginsAgainAndTheOthersGoOn(t *testing.T) {
	r := stand(t, storetest.Etcd(t), "one")
	for begin, failure := range []error{errors.New("broken"), errPanic, errors.New("broken again")} {
		await.Receive(t, fmt.Sprintf("begin %d of the duty", begin), r.begun)
		r.fail <- failure
		await.Receive(t, "its end", r.ended)
	}
	await.Receive(t, "the duty after its failures", r.begun)
	await.Receive(t, "the other duty", r.others)
	select {
	case <-r.others:
		t.Error("the other duty began again")
	default:
	}
}

// Without space etcd keeps the lease of the leader and grants no other.
func TestLeadershipGoesOnWithoutSpace(t *testing.T) {
	server := storetest.Server(t, embedded.Config{QuotaBytes: 1 << 20})
	etcd := server.Client()
	one := stand(t, etcd, "one")
	await.Receive(t, "the replica to lead", one.begun)
	storetest.FillSpace(t, etcd)
	two := stand(t, etcd, "two")
	<-time.After((leaseTTL + 1) * time.Second) // longer than a lease that is not kept alive
	select {
	case <-one.ended:
		t.Error("the term ended")
	case <-two.begun:
		t.Error("another replica leads")
	default:
	}
}

func TestALostLeaseEndsTheTerm(t *testing.T) {
	etcd := storetest.Etcd(t)
	r := stand(t, etcd, "one")
	await.Receive(t, "the replica to lead", r.begun)
	leases, err := etcd.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range leases.Leases {
		if _, err := etcd.Revoke(t.Context(), lease.ID); err != nil {
			t.Fatal(err)
		}
	}
	await.Receive(t, "the duty to end with the lease", r.ended)
	await.Receive(t, "the next term", r.begun)
}
