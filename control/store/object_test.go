package store_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/openweir/weir/control/store"
	"github.com/openweir/weir/control/store/storetest"
)

func TestAValueIsTheSameWhetherOrNotItIsKeptDecoded(t *testing.T) {
	s, c := startStore(t, storetest.Etcd(t))
	// More than is kept decoded: the first ones are decoded again.
	const count = 40
	text := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 1<<20) }
	for i := range count {
		if _, err := s.Update(t.Context(), func(tx *store.Tx) error {
			c.Put(tx, string(rune('A'+i)), wrapperspb.String(text(i)), store.WithDerived(i))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	at, err := s.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	derive := func(key string) int {
		derived, err := store.Derive(c.In(at).Get(key), func(v *wrapperspb.StringValue) (int, error) {
			made++
			return int(v.GetValue()[0]), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return derived
	}
	newest := string(rune('A' + count - 1))
	if got := derive(newest); got != count-1 || made != 0 {
		t.Errorf("%d was derived from the newest value, in %d calls; want what was handed over with it", got, made)
	}
	for i := range count {
		o := c.In(at).Get(string(rune('A' + i)))
		if got := o.Value().GetValue(); got != text(i) {
			t.Errorf("the value of object %d is %.10s…, of %d bytes", i, got, len(got))
		}
	}
	if first, again := derive("A"), derive("A"); first != 'a' || again != 'a' || made != 1 {
		t.Errorf("%d and %d were derived from the first of many large values, in %d calls; want one call", first, again, made)
	}
	last := c.In(at).Get(string(rune('A' + count - 1)))
	last.Attach("made of it")
	if last.Attached() != "made of it" {
		t.Error("what was attached to the value that was read last is gone")
	}
}

func TestAHeadIsAtHandWithoutTheValue(t *testing.T) {
	s := storetest.New(storetest.Etcd(t))
	c := store.NewCollection[*wrapperspb.StringValue](s, "things").KeepHeads(func(v *wrapperspb.StringValue) *wrapperspb.StringValue {
		return wrapperspb.String(v.GetValue()[:3])
	})
	storetest.Start(t, s)
	if _, err := s.Update(t.Context(), func(tx *store.Tx) error {
		c.Put(tx, "a", wrapperspb.String("head and body"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	at, err := s.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := c.In(at).Get("a")
	if o.Head().GetValue() != "hea" || o.Value().GetValue() != "head and body" {
		t.Errorf("head and value are %q and %q", o.Head().GetValue(), o.Value().GetValue())
	}
	if own := store.NewObject("b", wrapperspb.String("of no store")); own.Head().GetValue() != "of no store" {
		t.Errorf("the head of an object of no store is %q", own.Head().GetValue())
	}
}
