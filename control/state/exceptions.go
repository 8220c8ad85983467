package state

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

// maxExceptions is how many exceptions are kept of a statement, and how many
// CMF shows.
const maxExceptions = 10

// Exception is something that went wrong with a statement's job.
type Exception struct {
	// ID names it for ever, so that it is kept once.
	ID string
	// Class is that of the exception in Java.
	Class, Message string
	At             time.Time
}

// AppendExceptions is what a transaction has to do to add exceptions to a
// statement's and drop the oldest beyond the limit.
func (s *State) AppendExceptions(statement string, fresh ...Exception) []store.Op {
	type entry struct {
		key   string
		value *cmfv1.StatementException
		kept  bool
	}
	var all []entry
	known := map[string]bool{}
	for _, kept := range s.StatementExceptions.CachedUnder(statement) {
		all = append(all, entry{kept.Key, kept.Value, true})
		known[kept.Key] = true
	}
	added := false
	for _, e := range fresh {
		key := store.Join(statement, uuid.NewSHA1(reportedEvents, []byte(e.ID)).String())
		if known[key] {
			continue
		}
		known[key], added = true, true
		all = append(all, entry{key, &cmfv1.StatementException{
			ApiVersion: contract.APIVersion, Kind: contract.KindStatementException, Name: e.Class, Message: e.Message,
			Timestamp: timestamppb.New(e.At.UTC().Truncate(time.Millisecond)),
		}, false})
	}
	if !added {
		return nil
	}
	slices.SortFunc(all, func(a, b entry) int {
		return cmp.Or(exceptionsNewestFirst(a.value, b.value), cmp.Compare(a.key, b.key))
	})
	var ops []store.Op
	for i, e := range all {
		switch {
		case e.kept && i >= maxExceptions:
			ops = append(ops, s.StatementExceptions.Remove(e.key))
		case !e.kept && i < maxExceptions:
			ops = append(ops, s.StatementExceptions.Put(e.key, e.value))
		}
	}
	return ops
}

// Exceptions are those of a statement, the newest first.
func (s *State) Exceptions(statement string) []*cmfv1.StatementException {
	var all []*cmfv1.StatementException
	for _, kept := range s.StatementExceptions.CachedUnder(statement) {
		all = append(all, kept.Value)
	}
	slices.SortStableFunc(all, exceptionsNewestFirst)
	return all
}

func exceptionsNewestFirst(a, b *cmfv1.StatementException) int {
	return b.GetTimestamp().AsTime().Compare(a.GetTimestamp().AsTime())
}
