package sql

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// spoolRows and spoolBytes bound the rows that are kept of one statement, and
	// totalBytes those of all statements of the agent. A page of the gateway's,
	// which has at most 5000 rows, is read whenever there is any room, so that a
	// spool may grow beyond its bounds by one page.
	spoolRows  = 10_000
	spoolBytes = 8 << 20
	totalBytes = 256 << 20
	// pageBytes bounds the rows of an answer, but for the first one.
	pageBytes = 1 << 20
	// rowCost is what a row costs beyond its text, in bytes.
	rowCost = 32
)

// spool keeps the rows of a query between the gateway, which has each page but
// twice, and clients, which may ask for a page again.
//
// Rows are numbered from 0. A row that was handed out is kept until its room is
// needed for a new one; a row that was not is never dropped while the query
// runs. A row counts as handed out when one behind it has been asked for, since
// an answer may be lost.
type spool struct {
	total *atomic.Int64 // bytes in all spools
	now   func() time.Time

	mu       sync.Mutex
	rows     []string
	first    int64 // the number of rows[0]
	bytes    int64
	asked    int64 // the highest number that was asked for
	complete bool
	used     time.Time
	room     chan struct{} // holds a token when room may have been made
}

func newSpool(total *atomic.Int64, now func() time.Time) *spool {
	return &spool{total: total, now: now, used: now(), room: make(chan struct{}, 1)}
}

func (s *spool) end() int64 { return s.first + int64(len(s.rows)) }

// add keeps the rows of a page.
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

// full tells whether to stop reading; what was handed out makes room first.
func (s *spool) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shrink()
	return s.over()
}

func (s *spool) over() bool {
	return len(s.rows) >= spoolRows || s.bytes >= spoolBytes || s.total.Load() >= totalBytes && len(s.rows) > 0
}

// shrink drops rows that were handed out while there are too many.
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

// finish tells that no more rows come.
func (s *spool) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complete, s.used = true, s.now()
}

// rowPage is some rows of a spool.
type rowPage struct {
	rows     []string
	next     int64
	finished bool
	gone     bool
}

// page is rows from a number on.
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

// idle is for how long nobody has asked for rows.
func (s *spool) idle() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.used)
}

// drop forgets all rows for good.
func (s *spool) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(-s.bytes)
	s.first = s.end() + 1 // not even the end can be asked for
	s.rows = nil
}
