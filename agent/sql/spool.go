package sql

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// spoolRows and spoolBytes bound the rows kept of one statement, and totalBytes
	// those of all statements of the agent. A page of the gateway, which has at most
	// 5000 rows, is read as soon as there is any room, so a spool may exceed its
	// bounds by one page.
	spoolRows  = 10_000
	spoolBytes = 8 << 20
	totalBytes = 256 << 20
	// pageBytes bounds the rows of a reply, except for the first one.
	pageBytes = 1 << 20
	// rowCost is the memory of a row in addition to its text, in bytes.
	rowCost = 32
)

// spool keeps the rows of a query between the gateway, which keeps no more than
// two pages, and clients, which may fetch a page again.
//
// Rows are numbered from 0. A delivered row is kept until its memory is needed for
// a new one; others are not dropped while the query runs. A row counts as
// delivered once a later one was requested, since a reply may be lost.
type spool struct {
	total *atomic.Int64 // bytes in all spools
	now   func() time.Time

	mu       sync.Mutex
	rows     []string
	first    int64 // the number of rows[0]
	bytes    int64
	asked    int64 // the highest number that was requested
	complete bool
	used     time.Time
	room     chan struct{} // holds a token when rows may have become droppable
}

func newSpool(total *atomic.Int64, now func() time.Time) *spool {
	return &spool{total: total, now: now, used: now(), room: make(chan struct{}, 1)}
}

func (s *spool) end() int64 { return s.first + int64(len(s.rows)) }

// add appends the rows of a page.
func (s *spool) add(rows []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range rows {
		s.rows = append(s.rows, row)
		s.count(int64(len(row) + rowCost))
	}
	s.shrink()
}

func (s *spool) count(bytes int64) {
	s.bytes += bytes
	s.total.Add(bytes)
}

// full reports whether to stop reading, after dropping delivered rows.
func (s *spool) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shrink()
	return s.over()
}

func (s *spool) over() bool {
	return len(s.rows) >= spoolRows || s.bytes >= spoolBytes || s.total.Load() >= totalBytes && len(s.rows) > 0
}

// shrink drops delivered rows while there are too many.
func (s *spool) shrink() {
	n := 0
	for n < len(s.rows) && s.first+int64(n) < s.asked && s.overWithout(n) {
		s.count(-int64(len(s.rows[n]) + rowCost))
		s.rows[n] = ""
		n++
	}
	s.rows, s.first = s.rows[n:], s.first+int64(n)
}

func (s *spool) overWithout(n int) bool {
	return len(s.rows)-n >= spoolRows || s.bytes >= spoolBytes || s.total.Load() >= totalBytes
}

// finish marks the spool as complete.
func (s *spool) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complete, s.used = true, s.now()
}

// rowPage is a page of rows of a spool.
type rowPage struct {
	rows     []string
	next     int64
	finished bool
	gone     bool
}

// page returns up to most rows from a number on.
func (s *spool) page(from int64, most int) rowPage {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = s.now()
	if from < s.first || from > s.end() {
		return rowPage{gone: true}
	}
	if from > s.asked {
		s.asked = from
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
	out := rowPage{next: from}
	size := 0
	for _, row := range s.rows[from-s.first:] {
		if len(out.rows) >= most || len(out.rows) > 0 && size+len(row) > pageBytes {
			break
		}
		size += len(row)
		out.rows = append(out.rows, row)
		out.next++
	}
	out.finished = s.complete && out.next == s.end()
	return out
}

// idle returns the time since rows were last requested.
func (s *spool) idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.used)
}

// drop drops all rows; none can be added or fetched afterwards.
func (s *spool) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(-s.bytes)
	s.first = s.end() + 1 // so that every page is gone, even the one at the end
	s.rows = nil
}
