package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

const (
	// silenceLimit is how long nothing comes from etcd, while something was asked of
	// it and there is no connection, before it counts as silent. An election of etcd's
	// leader takes less.
	silenceLimit = 2 * time.Second
	// connectedLimit is the same where there is a connection: etcd may be busy, or its
	// disk slow.
	connectedLimit = 6 * time.Second
	// probeInterval is how often an etcd is asked whose last answer is missing.
	probeInterval = 250 * time.Millisecond
)

// errSilent is why requests fail at once while etcd is silent.
var errSilent = fmt.Errorf("%w: it does not answer", ErrUnavailable)

// silence knows whether etcd answers. While it does not, there is no use in waiting
// until a request's own deadline.
type silence struct {
	connected func() bool // whether there is a connection to etcd

	mu sync.Mutex
	// pending counts the requests under way.
	pending int
	// unanswered is true from a request on until something comes from etcd; limit
	// fires when that takes too long.
	unanswered bool
	limit      *time.Timer
	// broken is closed while etcd is silent.
	broken chan struct{}
	silent bool
}

func newSilence(connected func() bool) *silence {
	return &silence{connected: connected, broken: make(chan struct{})}
}

// isConnected is true if the client has a connection to etcd. The one of an embedded
// etcd needs none.
func isConnected(client *clientv3.Client) bool {
	conn := client.ActiveConnection()
	return conn == nil || conn.GetState() == connectivity.Ready
}

// Broken is closed while etcd is silent, and when it becomes so.
func (s *silence) Broken() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *silence) isSilent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent
}

func (s *silence) isUnanswered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unanswered
}

// ask notes that something is asked of etcd. What it returns is called with the
// error of the answer.
func (s *silence) ask() (answered func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending++
	s.await()
	return func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pending--
		if isAnswer(err) {
			s.hear()
		}
	}
}

// isAnswer is true if a request that ended with the error was answered by an etcd
// that works, and not given up or lost.
func isAnswer(err error) bool {
	return !errors.Is(err, context.Canceled) && status.Code(err) != codes.Canceled && !errors.Is(translate(err), ErrUnavailable)
}

// heard notes that something has come from etcd.
func (s *silence) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear()
}

func (s *silence) hear() {
	if s.silent {
		s.silent, s.broken = false, make(chan struct{})
	}
	if s.unanswered {
		s.unanswered = false
		s.limit.Stop()
	}
	if s.pending > 0 {
		s.await()
	}
}

func (s *silence) await() {
	if s.unanswered {
		return
	}
	s.unanswered = true
	s.breakAfter(silenceLimit, connectedLimit-silenceLimit)
}

// breakAfter makes etcd count as silent if nothing comes from it for the time, and
// while connected for longer by the respite.
func (s *silence) breakAfter(d, respite time.Duration) {
	var limit *time.Timer
	limit = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		switch {
		case s.limit != limit || !s.unanswered || s.silent:
		case respite > 0 && s.connected():
			s.breakAfter(respite, 0)
		default:
			s.silent = true
			close(s.broken)
		}
	})
	s.limit = limit
}

// stop ends the timer.
func (s *silence) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit != nil {
		s.limit.Stop()
	}
}
