package apiserver

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/openweir/weir/internal/await"
)

// label sets the label "team" of a deployment, or removes it.
func label(t *testing.T, c *cluster, name, team string) {
	t.Helper()
	value := `"` + team + `"`
	if team == "" {
		value = "null"
	}
	_, err := c.in(deployments, "default").Patch(within(t), name, types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"team":`+value+`}}}`), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// open opens a watch that ends with the test.
func open(t *testing.T, c *cluster, options metav1.ListOptions) watch.Interface {
	t.Helper()
	w, err := c.in(deployments, "default").Watch(within(t), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// take reads as many events and returns each as its type and name.
func take(t *testing.T, w watch.Interface, n int) []string {
	t.Helper()
	var got []string
	for range n {
		event := await.Receive(t, fmt.Sprintf("an event after %v", got), w.ResultChan())
		if o, ok := event.Object.(*unstructured.Unstructured); ok {
			got = append(got, string(event.Type)+" "+o.GetName())
		} else {
			got = append(got, fmt.Sprintf("%s %v", event.Type, apierrors.FromObject(event.Object)))
		}
	}
	return got
}

func TestWatchResumes(t *testing.T) {
	c := serve(t, Config{})
	first := create(t, c, "a", "{}")
	create(t, c, "b", "{}")
	label(t, c, "a", "red")
	w := open(t, c, metav1.ListOptions{ResourceVersion: first.GetResourceVersion()})
	if diff := cmp.Diff([]string{"ADDED b", "MODIFIED a"}, take(t, w, 2)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	if err := c.in(deployments, "default").Delete(within(t), "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"DELETED b"}, take(t, w, 1)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestWatchWithoutVersionBeginsWithExistingObjects(t *testing.T) {
	c := serve(t, Config{})
	create(t, c, "a", "{}")
	w := open(t, c, metav1.ListOptions{})
	create(t, c, "b", "{}")
	if diff := cmp.Diff([]string{"ADDED a", "ADDED b"}, take(t, w, 2)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestWatchWithASelectorReportsObjectsThatBeginAndCeaseToMatch(t *testing.T) {
	c := serve(t, Config{})
	create(t, c, "a", "{}")
	list, err := c.in(deployments, "default").List(within(t), metav1.ListOptions{LabelSelector: "team=red"})
	if err != nil || len(list.Items) != 0 {
		t.Fatalf("list is %v, %v", list, err)
	}
	w := open(t, c, metav1.ListOptions{LabelSelector: "team=red", ResourceVersion: list.GetResourceVersion()})
	for _, team := range []string{"blue", "red", "red2", "red", ""} {
		label(t, c, "a", team)
	}
	want := []string{"ADDED a", "DELETED a", "ADDED a", "DELETED a"}
	if diff := cmp.Diff(want, take(t, w, 4)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestWatchOfCompactedHistoryIsExpired(t *testing.T) {
	c := serve(t, Config{History: 2})
	first := create(t, c, "a", "{}")
	for i := range 10 {
		label(t, c, "a", fmt.Sprint("team", i))
	}
	w := open(t, c, metav1.ListOptions{ResourceVersion: first.GetResourceVersion()})
	event := <-w.ResultChan()
	if err := apierrors.FromObject(event.Object); event.Type != watch.Error || !apierrors.IsResourceExpired(err) {
		t.Errorf("got %v %v, want that the version is too old", event.Type, err)
	}
}

func TestWatchOfAFutureVersionIsExpired(t *testing.T) {
	c := serve(t, Config{})
	w := open(t, c, metav1.ListOptions{ResourceVersion: "999999"})
	event := <-w.ResultChan()
	if err := apierrors.FromObject(event.Object); event.Type != watch.Error || !apierrors.IsResourceExpired(err) {
		t.Errorf("got %v %v, want that the version is expired", event.Type, err)
	}
}

func TestWatchBookmarks(t *testing.T) {
	c := serve(t, Config{Bookmark: time.Millisecond})
	create(t, c, "a", "{}")
	list, err := c.in(deployments, "default").List(within(t), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, c, metav1.ListOptions{ResourceVersion: list.GetResourceVersion(), AllowWatchBookmarks: true})
	event := <-w.ResultChan()
	if event.Type != watch.Bookmark {
		t.Fatalf("got %v", event.Type)
	}
	if got := event.Object.(*unstructured.Unstructured).GetResourceVersion(); got != list.GetResourceVersion() {
		t.Errorf("bookmark is at %s, want %s", got, list.GetResourceVersion())
	}
}

func TestWatchList(t *testing.T) {
	c := serve(t, Config{})
	create(t, c, "a", "{}")
	yes := true
	w := open(t, c, metav1.ListOptions{
		SendInitialEvents: &yes, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true,
	})
	if diff := cmp.Diff([]string{"ADDED a", "BOOKMARK "}, take(t, w, 2)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

func TestWatchEndsAtItsTimeout(t *testing.T) {
	c := serve(t, Config{})
	second := int64(1)
	w := open(t, c, metav1.ListOptions{TimeoutSeconds: &second})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range w.ResultChan() {
			t.Errorf("got %v", event)
		}
	}()
	await.Closed(t, "the end of the watch", ended)
}

func TestFieldSelectors(t *testing.T) {
	c := serve(t, Config{})
	ctx := within(t)
	event := func(name, about string) {
		t.Helper()
		o := object(t, fmt.Sprintf("apiVersion: v1\nkind: Event\nmetadata: {name: %s}\ninvolvedObject: {kind: FlinkDeployment, name: %s, uid: u-%s}\nreason: Submit", name, about, about))
		if _, err := c.in(eventsV1, "default").Create(ctx, o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	event("e1", "a")
	event("e2", "b")
	event("e3", "b")
	tests := map[string]struct {
		selector string
		want     []string
	}{
		"by name":              {"metadata.name=e2", []string{"e2"}},
		"by what it is about":  {"involvedObject.name=b,involvedObject.kind=FlinkDeployment", []string{"e2", "e3"}},
		"by the uid":           {"involvedObject.uid=u-a", []string{"e1"}},
		"by another namespace": {"metadata.namespace=flink", nil},
		"by what it is not":    {"involvedObject.name!=b,reason=Submit", []string{"e1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			list, err := c.in(eventsV1, "").List(ctx, metav1.ListOptions{FieldSelector: test.selector})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, item := range list.Items {
				got = append(got, item.GetName())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("events differ (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := c.in(deployments, "").List(ctx, metav1.ListOptions{FieldSelector: "spec.image=x"}); !apierrors.IsBadRequest(err) {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestEventsExpire(t *testing.T) {
	c := serve(t, Config{EventTTL: time.Nanosecond})
	ctx := within(t)
	for _, name := range []string{"old", "new"} {
		o := object(t, "apiVersion: v1\nkind: Event\nmetadata: {name: "+name+"}\ninvolvedObject: {}")
		if _, err := c.in(eventsV1, "default").Create(ctx, o, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.in(eventsV1, "default").Get(ctx, "old", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the old event: %v", err)
	}
	if _, err := c.in(eventsV1, "default").Get(ctx, "new", metav1.GetOptions{}); err != nil {
		t.Errorf("the new event: %v", err)
	}
}
