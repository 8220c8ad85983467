package statement

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openweir/weir/control/contract"
	"github.com/openweir/weir/control/store"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// maxExceptions is how many exceptions are kept of a statement, and how many CMF
// shows.
const maxExceptions = 10

// exceptionNamespace makes the ids of exceptions as they are stored of those that
// are reported.
var exceptionNamespace = uuid.MustParse("6f0f6f2c-5d1b-4c58-9a6b-0f2b8e5f3d11")

// exception is one of a statement's job.
type exception struct {
	// id never changes, so that an exception that is reported again is kept once.
	id string
	// class is that of the exception in Java.
	class, message string
	at             time.Time
}

// appendExceptions adds exceptions to those of the statement of a key and deletes
// the oldest beyond the limit.
func (s *Statements) appendExceptions(tx *store.Tx, statement string, fresh []exception) {
	type entry struct {
		key    string
		value  *cmfv1.StatementException
		stored bool
	}
	var all []entry
	known := map[string]bool{}
	for o := range s.exceptions.In(tx).Under(statement) {
		all = append(all, entry{o.Key, o.Value(), true})
		known[o.Key] = true
	}
	stored := len(all)
	for _, e := range fresh {
		key := store.Join(statement, uuid.NewSHA1(exceptionNamespace, []byte(e.id)).String())
		if known[key] {
			continue
		}
		known[key] = true
		all = append(all, entry{key, &cmfv1.StatementException{
			ApiVersion: contract.APIVersion, Kind: contract.KindStatementException, Name: e.class, Message: e.message,
			Timestamp: timestamppb.New(e.at.UTC().Truncate(time.Millisecond)),
		}, false})
	}
	if len(all) == stored {
		return
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(newestFirst(a.value, b.value), cmp.Compare(a.key, b.key))
	})
	for i, e := range all {
		switch {
		case e.stored && i >= maxExceptions:
			s.exceptions.Delete(tx, e.key)
		case !e.stored && i < maxExceptions:
			s.exceptions.Put(tx, e.key, e.value)
		}
	}
}

// exceptionsOf are those of a statement, the newest first.
func (s *Statements) exceptionsOf(item Item) []*cmfv1.StatementException {
	var all []*cmfv1.StatementException
	for o := range s.exceptions.In(item.At).Under(item.Key) {
		all = append(all, o.Value())
	}
	slices.SortStableFunc(all, newestFirst)
	return all
}

func newestFirst(a, b *cmfv1.StatementException) int {
	return b.GetTimestamp().AsTime().Compare(a.GetTimestamp().AsTime())
}
