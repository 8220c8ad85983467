package link

import (
	"container/list"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// eventLog keeps events in order until they are acknowledged, at most limit of
// them: the oldest goes first. It is not safe for concurrent use.
type eventLog struct {
	limit   int
	entries *list.List // of *agentv1.EventReport
	byID    map[string]*list.Element
	cursor  *list.Element // the last one that the session sent; nil before the first
	dropped uint64
}

func newEventLog(limit int) eventLog {
	return eventLog{limit: max(limit, 1), entries: list.New(), byID: make(map[string]*list.Element)}
}

func (l *eventLog) add(e *agentv1.EventReport) {
	if _, known := l.byID[e.GetId()]; known {
		return
	}
	if l.entries.Len() >= l.limit {
		l.dropped++
		l.take(l.entries.Front())
	}
	l.byID[e.GetId()] = l.entries.PushBack(e)
}

// next is the first event that the session has not sent yet.
func (l *eventLog) next() (*agentv1.EventReport, bool) {
	following := l.entries.Front()
	if l.cursor != nil {
		following = l.cursor.Next()
	}
	if following == nil {
		return nil, false
	}
	l.cursor = following
	return following.Value.(*agentv1.EventReport), true
}

func (l *eventLog) remove(id string) {
	if e, known := l.byID[id]; known {
		l.take(e)
	}
}

func (l *eventLog) take(e *list.Element) {
	if l.cursor == e {
		l.cursor = e.Prev()
	}
	delete(l.byID, e.Value.(*agentv1.EventReport).GetId())
	l.entries.Remove(e)
}

// rewind makes next begin again with the oldest.
func (l *eventLog) rewind() { l.cursor = nil }

func (l *eventLog) clear() {
	l.entries.Init()
	clear(l.byID)
	l.cursor = nil
}
