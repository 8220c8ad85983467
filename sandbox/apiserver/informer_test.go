package apiserver

import (
	"context"
	"fmt"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/openweir/weir/internal/await"
)

// inform runs an informer of deployments as a real client would, and returns
// its store.
func inform(t *testing.T, c *cluster, selector string) cache.Store {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.LabelSelector = selector
			return c.in(deployments, "").List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.LabelSelector = selector
			return c.in(deployments, "").Watch(ctx, options)
		},
	}
	informer := cache.NewSharedIndexInformer(source, &unstructured.Unstructured{}, 0, cache.Indexers{})
	var running sync.WaitGroup
	running.Go(func() { informer.RunWithContext(ctx) })
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		t.Fatal("the informer never synced")
	}
	return informer.GetStore()
}

// mirrors tells whether the informer holds exactly what the server lists.
func mirrors(t *testing.T, c *cluster, store cache.Store, selector string) bool {
	t.Helper()
	list, err := c.in(deployments, "").List(within(t), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Fatal(err)
	}
	if len(store.List()) != len(list.Items) {
		return false
	}
	for _, item := range list.Items {
		held, ok, err := store.Get(&item)
		if err != nil || !ok || held.(*unstructured.Unstructured).GetResourceVersion() != item.GetResourceVersion() {
			return false
		}
	}
	return true
}

func TestInformerFollows(t *testing.T) {
	c := serve(t, Config{})
	create(t, c, "before", "{}")
	store := inform(t, c, "")
	red := inform(t, c, "team=red")
	for i := range 20 {
		name := fmt.Sprint("app-", i)
		create(t, c, name, "{}")
		if i%2 == 0 {
			label(t, c, name, "red")
		}
		if i%3 == 0 {
			label(t, c, name, "blue")
		}
		if i%5 == 0 {
			if err := c.in(deployments, "default").Delete(within(t), name, metav1.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	await.Until(t, "the informer mirrors the server", func() bool { return mirrors(t, c, store, "") })
	await.Until(t, "the selecting informer mirrors the server", func() bool { return mirrors(t, c, red, "team=red") })
}

func TestInformerListsAgainAfterCompaction(t *testing.T) {
	c := serve(t, Config{History: 1})
	store := inform(t, c, "")
	// With so short a history the watch is bound to miss some of these.
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 25 {
				o := deployment(t, fmt.Sprintf("app-%d-%d", w, i), "{}")
				if _, err := c.in(deployments, "default").Create(within(t), o, metav1.CreateOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	await.Until(t, "the informer mirrors the server", func() bool { return mirrors(t, c, store, "") })
}
