package sql

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func numbered(from, to int) []string {
	var rows []string
	for i := from; i < to; i++ {
		rows = append(rows, fmt.Sprint(i))
	}
	return rows
}

func clocked() (*spool, *atomic.Int64, *time.Time) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	total := &atomic.Int64{}
	return newSpool(total, func() time.Time { return now }), total, &now
}

func TestRowsCanBeReadAgain(t *testing.T) {
	s, _, _ := clocked()
	s.add(numbered(0, 7))
	for range 2 {
		page := s.page(2, 3)
		if fmt.Sprint(page.rows) != "[2 3 4]" || page.next != 5 || page.finished || page.gone {
			t.Errorf("the page is %+v", page)
		}
	}
	if page := s.page(7, 3); len(page.rows) != 0 || page.next != 7 || page.gone || page.finished {
		t.Errorf("before there are more rows, there are %+v", page)
	}
	if page := s.page(8, 3); !page.gone {
		t.Errorf("rows that nobody was told of: %+v", page)
	}
	s.finish()
	if page := s.page(5, 3); !page.finished || page.next != 7 {
		t.Errorf("the last page is %+v", page)
	}
}

func TestReturnedRowsAreDroppedForNewOnes(t *testing.T) {
	s, total, _ := clocked()
	s.add(numbered(0, spoolRows+500))
	if !s.full() {
		t.Fatal("the spool takes rows without end")
	}
	if page := s.page(0, 100); len(page.rows) != 100 {
		t.Fatalf("the first page has %d rows", len(page.rows))
	}
	if !s.full() {
		t.Error("rows were dropped whose answer may be lost")
	}
	s.page(600, 100)
	if s.full() {
		t.Error("rows that were handed out make no room")
	}
	if page := s.page(0, 100); !page.gone {
		t.Error("the first rows are still there")
	}
	if page := s.page(550, 100); page.gone || page.rows[0] != "550" {
		t.Errorf("rows were dropped without need: %+v", page)
	}
	select {
	case <-s.room:
	default:
		t.Error("the reader is not told that there is room")
	}
	s.drop()
	if total.Load() != 0 {
		t.Errorf("%d bytes are counted when all is gone", total.Load())
	}
	if page := s.page(600, 1); !page.gone {
		t.Errorf("dropped rows are %+v", page)
	}
}

func TestSpoolsAreBoundedInBytes(t *testing.T) {
	s, total, _ := clocked()
	s.add([]string{strings.Repeat("x", spoolBytes)})
	if !s.full() {
		t.Error("one spool takes more than its share")
	}
	other := newSpool(total, time.Now)
	other.add([]string{"a"})
	if other.full() {
		t.Error("a spool is full for a neighbour that is in its bounds")
	}
	total.Add(totalBytes)
	if !other.full() {
		t.Error("all spools together take more than there is")
	}
}

func TestAPageIsBoundedInBytes(t *testing.T) {
	s, _, _ := clocked()
	s.add([]string{strings.Repeat("a", pageBytes+1), strings.Repeat("b", pageBytes/2), strings.Repeat("c", pageBytes/2), "d"})
	var sizes []int
	for at := int64(0); at < 4; {
		page := s.page(at, 100)
		sizes = append(sizes, len(page.rows))
		at = page.next
	}
	if fmt.Sprint(sizes) != "[1 2 1]" {
		t.Errorf("the pages have %v rows", sizes)
	}
}

func TestSpoolsRecordTheTimeOfTheLastRequest(t *testing.T) {
	s, _, now := clocked()
	*now = now.Add(time.Minute)
	if s.idle() != time.Minute {
		t.Errorf("idle for %s", s.idle())
	}
	s.page(0, 1)
	if s.idle() != 0 {
		t.Errorf("idle for %s after somebody asked", s.idle())
	}
}
