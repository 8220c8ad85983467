package query

import (
	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The sizes of pages; docs/decisions/page-size.md says why these.
const (
	DefaultSize = 20
	MaxSize     = 2000
)

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Pageable echoes which part it is.
	Pageable *cmfv1.Pageable
	// Metadata holds how many items there are in all parts together.
	Metadata *cmfv1.PageMetadata
}

// parsePage reads page and size.
func parsePage(params Params, violations *apierror.Violations) (number, size int32) {
	number, size = 0, DefaultSize
	if params.Page != nil {
		number = *params.Page
	}
	if params.Size != nil {
		size = *params.Size
	}
	if number < 0 {
		violations.Addf("page: must be at least 0, is %d.", number)
	}
	if size < 1 {
		violations.Addf("size: must be at least 1, is %d.", size)
	}
	return number, min(size, MaxSize)
}

// Window gives the range of items, in order and of so many, that are on the
// page: items[from:to]. Behind the last page it is empty.
func (q Query[T]) Window(total int) (from, to int) {
	count, size := int64(total), int64(q.size)
	start := min(int64(q.number)*size, count)
	return int(start), int(min(start+size, count))
}

// PageOf puts the items of a page, in the form that clients see, into it. total
// is how many there are in all pages together.
func PageOf[T, V any](q Query[T], items []V, total int) Page[V] {
	return Page[V]{
		Items: items,
		Pageable: &cmfv1.Pageable{
			Page: proto.Int32(q.number),
			Size: proto.Int32(q.size),
			Sort: &cmfv1.Sort{
				Sorted:   proto.Bool(q.sorted),
				Unsorted: proto.Bool(!q.sorted),
				Empty:    proto.Bool(!q.sorted),
			},
		},
		Metadata: &cmfv1.PageMetadata{Size: proto.Int64(int64(total))},
	}
}
