// Package sqlcluster simulates the results of queries in the sandbox. The rows are
// generated from the columns of the query, and are the same each time.
package sqlcluster

import (
	"sync"
	"time"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// rate is how many rows a second a query without end has.
const rate = 5

// maxReaders bounds the queries whose readers are remembered. Of more, those
// who have read nothing for longest are forgotten.
const maxReaders = 1000

// Cluster makes up rows.
type Cluster struct {
	now func() time.Time

	mu      sync.Mutex
	readers map[string]*reader // by the owner of the object
}

// New makes a Cluster.
func New() *Cluster { return &Cluster{now: time.Now, readers: map[string]*reader{}} }

// reader is the position up to which the rows of a query have been returned. As
// with Flink, only the last page can be read again, by a client that lost the
// response.
type reader struct {
	// began is when the first row came, base how many there were before that.
	began      time.Time
	base       int64
	last       time.Time
	page, next int64
}

// Fetch answers at once.
func (c *Cluster) Fetch(request *agentv1.FetchResults, answer func(*agentv1.ResultPage)) {
	answer(c.page(request))
}

func (c *Cluster) page(request *agentv1.FetchResults) *agentv1.ResultPage {
	c.mu.Lock()
	defer c.mu.Unlock()
	page := &agentv1.ResultPage{RequestId: request.GetRequestId()}
	from, now := request.GetOffset(), c.now()
	r := c.readers[request.GetOwnerUid()]
	if r == nil {
		r = &reader{began: now, base: from, page: from, next: from}
		c.remember(request.GetOwnerUid(), r)
	}
	r.last = now
	end := r.next
	switch from {
	case r.next:
		available := r.base + 1 + int64(now.Sub(r.began)*rate/time.Second)
		if total := request.GetTotalRows(); total > 0 {
			// A query with an end has all of its rows at once.
			available = total
		}
		end = max(from, min(available, from+int64(request.GetMaxRows())))
		if end > from {
			r.page, r.next = from, end
		}
	case r.page:
	default:
		page.Failure = agentv1.ResultFailure_RESULT_FAILURE_GONE
		page.Message = "These rows were already returned and are no longer available."
		return page
	}
	for n := from; n < end; n++ {
		page.Rows = append(page.Rows, row(request.GetSchema(), n))
	}
	page.NextOffset = end
	page.Finished = request.GetTotalRows() > 0 && end >= request.GetTotalRows()
	return page
}

// remember keeps a reader, and forgets another one where there are too many.
func (c *Cluster) remember(owner string, r *reader) {
	if len(c.readers) >= maxReaders {
		var oldest string
		for name, other := range c.readers {
			if oldest == "" || other.last.Before(c.readers[oldest].last) {
				oldest = name
			}
		}
		delete(c.readers, oldest)
	}
	c.readers[owner] = r
}
