package link

import (
	"container/list"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// eventLog keeps events in order until they are acknowledged, at most limit of
// them; the oldest is dropped first. It is not safe for concurrent use.
type eventLog struct {
	limit   int
	entries *list.List // of *agentv1.EventReport
	byID    map[string]*list.Element
	// bySeries has the newest occurrence of each series; the earlier ones are part
	// of its count.
	bySeries map[string]*list.Element
	cursor   *list.Element // the last event that the session has sent; nil before the first
	dropped  uint64
}

func newEventLog(limit int) eventLog {
	return eventLog{limit: max(limit, 1), entries: list.New(), byID: make(map[string]*list.Element), bySeries: make(map[string]*list.Element)}
}

func (l *eventLog) add(e *agentv1.EventReport) {
	if _, known := l.byID[e.GetId()]; known {
		return
	}
	if earlier := l.bySeries[e.GetSeries()]; earlier != nil {
		l.drop(earlier)
	}
	if l.entries.Len() >= l.limit {
		l.dropped++
		l.drop(l.entries.Front())
	}
	added := l.entries.PushBack(e)
	l.byID[e.GetId()] = added
	if e.GetSeries() != "" {
		l.bySeries[e.GetSeries()] = added
	}
}

// next returns the first event that the session has not sent yet; nil if it has
// sent all.
func (l *eventLog) next() *agentv1.EventReport {
	following := l.entries.Front()
	if l.cursor != nil {
		following = l.cursor.Next()
	}
	if following == nil {
		return nil
	}
	l.cursor = following
	return following.Value.(*agentv1.EventReport)
}

func (l *eventLog) remove(id string) {
	if e, known := l.byID[id]; known {
		l.drop(e)
	}
}

func (l *eventLog) drop(e *list.Element) {
	if l.cursor == e {
		l.cursor = e.Prev()
	}
	report := e.Value.(*agentv1.EventReport)
	delete(l.byID, report.GetId())
	if l.bySeries[report.GetSeries()] == e {
		delete(l.bySeries, report.GetSeries())
	}
	l.entries.Remove(e)
}

// rewind makes next start over with the oldest event.
func (l *eventLog) rewind() { l.cursor = nil }

func (l *eventLog) clear() {
	l.entries.Init()
	clear(l.byID)
	clear(l.bySeries)
	l.cursor = nil
}
