package codec_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/openweir/weir/gateway/codec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func pageOf(n int, json string) *cmfv1.ApplicationsPage {
	page := &cmfv1.ApplicationsPage{}
	for i := range n {
		page.Items = append(page.Items, &cmfv1.FlinkApplication{
			Metadata: &cmfv1.ObjectMeta{Name: fmt.Sprintf("application-%d", i)},
			Spec:     &cmfv1.JsonObject{Json: json},
		})
	}
	return page
}

func appended(t *testing.T, fragments *codec.Fragments, page *cmfv1.ApplicationsPage) string {
	t.Helper()
	json, err := fragments.Append([]byte("before "), page)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(string(json), "before ")
}

func TestFragmentsChangeNothingInTheJSON(t *testing.T) {
	small, large := pageOf(3, `{"a":1}`), pageOf(3000, `{"b":"`+strings.Repeat("x", 5000)+`"}`)
	fragments := &codec.Fragments{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			// The large one has more items and more bytes than are kept.
			for _, page := range []*cmfv1.ApplicationsPage{small, large, small, small, large, small} {
				want, err := codec.Append(nil, page)
				if err != nil {
					t.Error(err)
					return
				}
				if got := appended(t, fragments, page); got != string(want) {
					t.Errorf("a page of %d items is another one with fragments: %.200s", len(page.GetItems()), got)
				}
			}
		})
	}
	all.Wait()
}

func TestAnItemThatComesAgainIsNotEncodedAgain(t *testing.T) {
	page := pageOf(1, `{"a":1}`)
	fragments := &codec.Fragments{}
	for range 2 {
		appended(t, fragments, page)
	}
	// Messages that are shared do not change; one that does shows what is kept.
	page.Items[0].Spec.Json = `{"a":2}`
	if got := appended(t, fragments, page); !strings.Contains(got, `{"a":1}`) {
		t.Errorf("the item was encoded again: %s", got)
	}
	if got := appended(t, fragments, pageOf(1, `{"a":3}`)); !strings.Contains(got, `{"a":3}`) {
		t.Errorf("an equal message that is another one was taken for it: %s", got)
	}
}

func BenchmarkListWithFragments(b *testing.B) {
	page := pageOf(100, `{"image":"`+strings.Repeat("x", 500)+`"}`)
	fragments := &codec.Fragments{}
	var buffer []byte
	for b.Loop() {
		var err error
		if buffer, err = fragments.Append(buffer[:0], page); err != nil {
			b.Fatal(err)
		}
	}
}
