package resource

import (
	"context"
	"fmt"
	"math"
	"reflect"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/query"
	"github.com/openweir/weir/control/query/fields"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// CheckList says what is wrong with the parameters of a list request, for services
// that check them before anything else.
func (k *Kind[R, V]) CheckList(request proto.Message) error {
	_, err := query.Parse(k.List, query.ParamsOf(request))
	return err
}

// Place finds the path of the resources that a request is about, or says why there
// are none. It is nil for resources that are in nothing.
type Place func(at store.Reader) (path string, err error)

func (p Place) path(at store.Reader) (string, error) {
	if p == nil {
		return "", nil
	}
	return p(at)
}

// view is everything as it is now, and the path in it.
func (p Place) view(ctx context.Context, s *store.Store) (at *store.Snapshot, path string, err error) {
	if at, err = s.View(ctx); err != nil {
		return nil, "", err
	}
	path, err = p.path(at)
	return at, path, err
}

// In is the place of what is in a resource.
func (k *Kind[R, V]) In(in Place, name string) Place {
	return func(at store.Reader) (string, error) {
		path, err := in.path(at)
		if err != nil {
			return "", err
		}
		item, err := k.Find(at, path, name)
		if err != nil {
			return "", err
		}
		return item.Key, nil
	}
}

// List answers a list request over the resources in a place. The parameters are
// read from the request by name. keep, if not nil, judges items beside the
// request's filter. Views are made of the items of the page only. Response is the
// message of a page, with the fields Pageable, Metadata and Items.
func List[Response any, R, V proto.Message](
	ctx context.Context, s *store.Store, k *Kind[R, V], in Place, request proto.Message, detail Detail, keep func(Item[R]) bool,
) (*Response, error) {
	params := query.ParamsOf(request)
	q, err := query.Parse(k.List, params)
	if err != nil {
		return nil, err
	}
	if params.Size != nil && *params.Size > query.MaxSize {
		if err := Warn(ctx, fmt.Sprintf("size: limited to %d, the largest page", query.MaxSize)); err != nil {
			return nil, err
		}
	}
	q = k.readable(ctx, q)
	if keep != nil {
		q = q.Where(keep)
	}
	at, path, err := in.view(ctx, s)
	if err != nil {
		return nil, err
	}
	items, total, err := k.items(ctx, at, path, q)
	if err != nil {
		return nil, err
	}
	view := k.listed(at, path, detail)
	views := make([]V, len(items))
	for i, item := range items {
		views[i] = fields.Apply(q.Fields, view(item))
	}
	page := query.PageOf(q, views, total)
	response := new(Response)
	message := reflect.ValueOf(response).Elem()
	message.FieldByName("Pageable").Set(reflect.ValueOf(page.Pageable))
	message.FieldByName("Metadata").Set(reflect.ValueOf(page.Metadata))
	message.FieldByName("Items").Set(reflect.ValueOf(page.Items))
	return response, nil
}

// readable limits a query to the resources that the caller may read.
func (k *Kind[R, V]) readable(ctx context.Context, q query.Query[Item[R]]) query.Query[Item[R]] {
	if filter := access.FilterOf(ctx); filter != nil {
		return q.Where(func(item Item[R]) bool { return filter.Allows(k.List.Name(item)) })
	}
	return q
}

// items gives the items of the page that the query asks for, and how many match
// in all. The records are in the order of their names already, so that a page
// of all of them in this order costs what is on it.
func (k *Kind[R, V]) items(ctx context.Context, at store.Reader, path string, q query.Query[Item[R]]) ([]Item[R], int, error) {
	records := k.Records.In(at)
	if q.Plain() {
		total := records.Count(path)
		from, to := q.Window(total)
		return k.itemsOf(at, records.Range(path, from, to)), total, nil
	}
	var matching []Item[R] // those on the page, if the order is that of the names, else all
	from, to := 0, math.MaxInt
	if q.ByName() {
		from, to = q.Window(math.MaxInt)
	}
	visited, total := 0, 0
	for o := range records.Under(path) {
		if visited++; visited%1024 == 0 && ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
		item := k.ItemOf(at, o)
		if !q.Matches(item) {
			continue
		}
		if total >= from && total < to {
			matching = append(matching, item)
		}
		total++
	}
	if q.ByName() {
		return matching, total, nil
	}
	return q.Select(matching), total, nil
}

// listed makes the views of a list. Those of the last lists are kept where they
// depend on nothing that is not known.
func (k *Kind[R, V]) listed(at store.Reader, path string, detail Detail) func(Item[R]) V {
	if k.Surroundings == nil || detail != (Detail{}) {
		return func(item Item[R]) V { return k.View(item, detail) }
	}
	surroundings := k.Surroundings(at, path)
	return func(item Item[R]) V {
		status := item.status()
		if kept, ok := item.Attached().(*keptView[V]); ok && kept.status == status && kept.surroundings == surroundings {
			return kept.view
		}
		view := k.View(item, detail)
		item.Attach(&keptView[V]{view, status, surroundings})
		return view
	}
}

// keptView is the view of a record, with what else it was made of.
type keptView[V proto.Message] struct {
	view         V
	status       *store.Object[*storev1.StatusRecord]
	surroundings string
}

func (k *Kind[R, V]) itemsOf(at store.Reader, objects []*store.Object[R]) []Item[R] {
	items := make([]Item[R], len(objects))
	for i, o := range objects {
		items[i] = k.ItemOf(at, o)
	}
	return items
}
