package sandbox

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/openweir/weir/internal/await"
)

func TestClusterIdentifiesItselfAsSimulated(t *testing.T) {
	cluster, err := New(Config{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- cluster.Run(ctx) }()
	client, err := discovery.NewDiscoveryClientForConfig(cluster.RestConfig())
	if err != nil {
		t.Fatal(err)
	}
	version, err := client.ServerVersion()
	if err != nil || version.GitVersion != "v1.37.0-weir-sandbox" {
		t.Errorf("version is %v, %v", version, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
}

func TestClusterEndsWithItsContext(t *testing.T) {
	c := run(t, Config{Pace: time.Hour})
	c.create(deployments, "app", application("", ""), nil)
	w, err := c.in(deployments).Watch(context.WithoutCancel(c.ctx), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		c.stop()
	}()
	await.Closed(t, "the cluster to end with a watch and a step of an hour under way", stopped)
}

func TestInvalidDataFolder(t *testing.T) {
	if _, err := New(Config{Name: "test", Dir: "/dev/null/sandbox"}); err == nil {
		t.Error("a folder that cannot be is taken")
	}
}

func TestInvalidNamespace(t *testing.T) {
	if _, err := New(Config{Name: "test", Namespaces: []string{"No Such"}}); err == nil {
		t.Error("a namespace that cannot be is taken")
	}
}
