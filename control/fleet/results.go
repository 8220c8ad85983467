package fleet

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/openweir/weir/control/apierror"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// fetchTimeout bounds how long an agent may take to answer with rows. An agent
// that is older than the request does not answer at all.
const fetchTimeout = 10 * time.Second

// waiters are the requests for rows that an agent has not answered yet.
type waiters struct {
	mu      sync.Mutex
	waiting map[string]chan<- *agentv1.ResultPage // by request
}

func (w *waiters) add(request string) <-chan *agentv1.ResultPage {
	// With room for the answer, so that giving it never waits.
	answer := make(chan *agentv1.ResultPage, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[string]chan<- *agentv1.ResultPage{}
	}
	w.waiting[request] = answer
	return answer
}

func (w *waiters) remove(request string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting, request)
}

// answer hands a page to the one who waits for it, if anyone still does.
func (w *waiters) answer(page *agentv1.ResultPage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if answer, ok := w.waiting[page.GetRequestId()]; ok {
		answer <- page
		delete(w.waiting, page.GetRequestId())
	}
}

// FetchResults asks the agent of a cluster for rows of a query, whose agent has
// to be connected to this replica.
func (s *Sessions) FetchResults(ctx context.Context, cluster string, request *agentv1.FetchResults) (*agentv1.ResultPage, error) {
	session := s.of(cluster)
	if session == nil {
		_, err := s.unreachable(cluster, "fetch rows from it", "no rows can be fetched from it")
		return nil, err
	}
	request.RequestId = uuid.NewString()
	answer := session.rows.add(request.GetRequestId())
	defer session.rows.remove(request.GetRequestId())
	if err := session.request(&agentv1.ConnectResponse{Message: &agentv1.ConnectResponse_FetchResults{FetchResults: request}}); err != nil {
		return nil, err
	}
	timeout := time.NewTimer(fetchTimeout)
	defer timeout.Stop()
	select {
	case page := <-answer:
		return page, nil
	case <-session.stream.Context().Done():
		return nil, apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' was disconnected before it sent rows. Try again.", cluster)
	case <-timeout.C:
		return nil, apierror.Unavailable(nil, "The agent of Kubernetes cluster '%s' has sent no rows within %s.", cluster, fetchTimeout)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
