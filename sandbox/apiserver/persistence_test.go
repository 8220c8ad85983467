package apiserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestObjectsOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, Config{Dir: dir})
	kept := create(t, first, "kept", "{image: flink}")
	create(t, first, "deleted", "{}")
	if err := first.in(deployments, "default").Delete(within(t), "deleted", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := first.in(deployments, "").List(within(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}

	second := serve(t, Config{Dir: dir})
	got, err := second.in(deployments, "default").Get(within(t), "kept", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(kept, got); diff != "" {
		t.Errorf("the object differs (-before +after):\n%s", diff)
	}
	if _, err := second.in(deployments, "default").Get(within(t), "deleted", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the deleted object: %v", err)
	}
	w := open(t, second, metav1.ListOptions{ResourceVersion: before.GetResourceVersion()})
	event := <-w.ResultChan()
	if err := apierrors.FromObject(event.Object); event.Type != watch.Error || !apierrors.IsResourceExpired(err) {
		t.Errorf("a watch from before: %v %v", event.Type, err)
	}
	after, err := second.in(deployments, "").List(within(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if after.GetResourceVersion() == before.GetResourceVersion() {
		t.Errorf("revision %s is used twice", after.GetResourceVersion())
	}
}

func TestErrorNamesTheDamagedFile(t *testing.T) {
	dir := t.TempDir()
	create(t, serve(t, Config{Dir: dir}), "app", "{}")
	path := filepath.Join(dir, "objects", "flinkdeployments.flink.apache.org", "default", "app")
	if err := os.WriteFile(path, []byte(`{"meta`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
}
