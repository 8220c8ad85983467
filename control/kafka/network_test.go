package kafka

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

func TestAddressesThatAreNotConnectedTo(t *testing.T) {
	network := Network{KubernetesService: "10.96.0.1"}
	if err := network.Allow("127.0.0.1", "169.254.7.0/24"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{
		"127.0.0.2", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1", "255.255.255.255", "100.100.100.200", "fd00:ec2::254",
		"168.63.129.16", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "10.96.0.1",
	} {
		if err := network.check(net.JoinHostPort(address, "9092")); err == nil {
			t.Errorf("%s may be connected to", address)
		}
	}
	for _, address := range []string{"10.0.0.7", "192.168.1.1", "172.16.0.1", "8.8.8.8", "fd12::1", "2001:db8::1", "127.0.0.1", "169.254.7.9"} {
		if err := network.check(net.JoinHostPort(address, "9092")); err != nil {
			t.Errorf("%s may not be connected to", address)
		}
	}
}

func TestNamesOfClusterServices(t *testing.T) {
	var network Network
	if err := network.Allow(".kafka.svc.cluster.local", "broker.other.svc"); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]bool{
		"kubernetes.default.svc": true, "kubernetes.default.svc.cluster.local.": true, "x.default.SVC": true, "a.b.cluster.local": true, "1-2-3-4.default.pod.cluster.local": true,
		"broker-0.kafka.svc.cluster.local": false, "broker.other.svc": false, "kafka.example.com": false,
	} {
		if got := isClusterName(name) && !network.allowsName(name); got != refused {
			t.Errorf("%s is refused: %v, want %v", name, got, refused)
		}
	}
	for _, entry := range []string{"", "http://x", "10.0.0.0/40", "x:1"} {
		if err := network.Allow(entry); err == nil {
			t.Errorf("%q is accepted", entry)
		}
	}
}

// accepting is a server that tells when something connects.
func accepting(t *testing.T) (address string, connected <-chan struct{}) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	out := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			out <- struct{}{}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String(), out
}

// A name is judged by the address that it leads to, for brokers and registries alike.
func TestNothingConnectsToThisMachine(t *testing.T) {
	address, connected := accepting(t)
	_, port, _ := net.SplitHostPort(address)
	reader := NewReader(Network{})
	for _, server := range []string{address, "localhost:" + port} {
		_, err := reader.Topics(t.Context(), Database{Name: server, Kafka: map[string]string{"bootstrap.servers": server}})
		if !errors.Is(err, errNotConnected) {
			t.Errorf("the cluster at %s: %v", server, err)
		}
		registry, err := newRegistry(reader.network, map[string]string{"schema.registry.url": "http://" + server})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := registry.read(t.Context(), "orders"); !errors.Is(err, errNotConnected) {
			t.Errorf("the registry at %s: %v", server, err)
		}
	}
	if len(connected) > 0 {
		t.Errorf("%d connections were made", len(connected))
	}
}

// Brokers that the metadata of a cluster names are no exception.
func TestBrokersOfMetadataAreChecked(t *testing.T) {
	var listeners atomic.Int32
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		if listeners.Add(1) > 1 {
			address = "127.0.0.2:0"
		}
		return net.Listen(network, address)
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var network Network
	if err := network.Allow("127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	admin := adminClient(t, &network, map[string]string{"bootstrap.servers": cluster.ListenAddrs()[0]})
	brokers, err := admin.ListBrokers(t.Context())
	if err != nil || len(brokers) != 2 {
		t.Fatalf("brokers: %v, %v", brokers, err)
	}
	for _, broker := range brokers {
		_, err := admin.DescribeBrokerConfigs(t.Context(), broker.NodeID)
		if got, want := errors.Is(err, errNotConnected), broker.Host == "127.0.0.2"; got != want {
			t.Errorf("the broker at %s: %v", broker.Host, err)
		}
	}
}
