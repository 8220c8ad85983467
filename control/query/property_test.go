package query

import (
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// anyFleet is full of boats that are alike but for their uid.
func anyFleet() *rapid.Generator[[]boat] {
	some := rapid.Custom(func(t *rapid.T) boat {
		return boat{
			name:   rapid.SampledFrom([]string{"anna", "bert"}).Draw(t, "name"),
			length: rapid.IntRange(1, 3).Draw(t, "length"),
			state:  rapid.SampledFrom([]string{"SAILING", "MOORED"}).Draw(t, "state"),
		}
	})
	return rapid.Custom(func(t *rapid.T) []boat {
		all := rapid.SliceOfN(some, 0, 40).Draw(t, "fleet")
		uids := rapid.Permutation(numbers(len(all))).Draw(t, "uids")
		for i := range all {
			all[i].uid = uids[i]
		}
		return all
	})
}

func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}

func anyParams() *rapid.Generator[Params] {
	criterion := rapid.SampledFrom([]string{"name", "name,desc", "length", "length,desc"})
	return rapid.Custom(func(t *rapid.T) Params {
		return Params{
			Sort:   rapid.SliceOfN(criterion, 0, 3).Draw(t, "sort"),
			Filter: rapid.SampledFrom([]string{"", "name=an*", "state=MOORED", "name=x"}).Draw(t, "filter"),
		}
	})
}

func run(t *rapid.T, params Params, page, size int32, items []boat) Page[boat] {
	params.Page, params.Size = proto.Int32(page), proto.Int32(size)
	q, err := Parse(boats, params)
	if err != nil {
		t.Fatal(err)
	}
	return q.Run(items)
}

func uidsOf(items []boat) []string {
	uids := make([]string, len(items))
	for i, b := range items {
		uids[i] = b.uid
	}
	return uids
}

// Whatever is asked for, a client that reads page after page until one is empty
// has read every resource once, in the order of the whole list.
func TestPagesMakeUpTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items, params := anyFleet().Draw(t, "fleet"), anyParams().Draw(t, "params")
		size := rapid.Int32Range(1, 50).Draw(t, "size")
		whole := run(t, params, 0, MaxSize, items)
		var read []boat
		for number := int32(0); ; number++ {
			page := run(t, params, number, size, items)
			if page.Metadata.GetSize() != int64(len(whole.Items)) {
				t.Fatalf("page %d counts %d, the list has %d", number, page.Metadata.GetSize(), len(whole.Items))
			}
			if len(page.Items) > int(size) {
				t.Fatalf("page %d has %d items, more than %d", number, len(page.Items), size)
			}
			if len(page.Items) == 0 {
				break
			}
			read = append(read, page.Items...)
		}
		if !slices.Equal(uidsOf(read), uidsOf(whole.Items)) {
			t.Fatalf("read %v page by page, the list is %v", uidsOf(read), uidsOf(whole.Items))
		}
	})
}

// The order of a list does not depend on the order in which the store gave it.
func TestOrderIsTotal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items, params := anyFleet().Draw(t, "fleet"), anyParams().Draw(t, "params")
		shuffled := rapid.Permutation(items).Draw(t, "shuffled")
		one, other := run(t, params, 0, MaxSize, items), run(t, params, 0, MaxSize, shuffled)
		if !slices.Equal(uidsOf(one.Items), uidsOf(other.Items)) {
			t.Fatalf("%v in one order, %v in another", uidsOf(one.Items), uidsOf(other.Items))
		}
	})
}

// Resources that no order tells apart stay as the store gave them.
func TestSortIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := anyFleet().Draw(t, "fleet")
		q, err := Parse(barges, Params{Size: proto.Int32(MaxSize)})
		if err != nil {
			t.Fatal(err)
		}
		sorted := q.Run(items).Items
		for i := 1; i < len(sorted); i++ {
			a, b := sorted[i-1], sorted[i]
			alike := a.name == b.name && a.length == b.length
			at := func(x boat) int { return slices.IndexFunc(items, func(y boat) bool { return x.uid == y.uid }) }
			if alike && at(a) > at(b) {
				t.Fatalf("%v and %v changed places", a, b)
			}
		}
	})
}

// Taking the first few gives what sorting everything would.
func TestFirstAgreesWithSorting(t *testing.T) {
	byLength := boats.Sort["length"]
	rapid.Check(t, func(t *rapid.T) {
		items := anyFleet().Draw(t, "fleet")
		n := rapid.IntRange(0, 12).Draw(t, "n")
		before := uidsOf(items)
		got := first(items, n, byLength)
		if !slices.Equal(uidsOf(items), before) {
			t.Fatal("the items themselves were sorted")
		}
		want := slices.Clone(items)
		slices.SortStableFunc(want, byLength)
		if want = want[:min(n, len(want))]; !slices.Equal(uidsOf(got), uidsOf(want)) {
			t.Fatalf("the first %d are %v, want %v", n, uidsOf(got), uidsOf(want))
		}
	})
}
