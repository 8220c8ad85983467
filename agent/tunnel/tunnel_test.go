package tunnel

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openweir/weir/agent/flinkendpoint"
	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
	"github.com/openweir/weir/internal/await"
)

// hang serves the beginning of an answer and then nothing until the client has
// gone.
func hang(beginning string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if beginning != "" {
			_, _ = io.WriteString(w, beginning)
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
	}
}

func TestReadsAreBoundedByTheWindow(t *testing.T) {
	const total, granted = 32 << 20, 100_000
	var written atomic.Int64
	sum := sha256.New()
	tr := begin(t, func(w http.ResponseWriter, _ *http.Request) {
		line := bytes.Repeat([]byte("0123456789abcde\n"), 1024)
		for written.Load() < total {
			n, err := w.Write(line)
			written.Add(int64(n))
			if err != nil {
				return
			}
			sum.Write(line)
		}
	})
	tr.Open(get("log", "/jobmanager/log", room(granted)))
	got := tr.await("log", "window full", func(r reply) bool { return len(r.body) == granted })
	if got.end != nil || got.largest > maxPiece {
		t.Errorf("%v after the window was full, the largest piece has %d bytes", got.end, got.largest)
	}
	// What the sockets of this machine hold is all that Flink may have written.
	if n := written.Load(); n > total/2 {
		t.Errorf("Flink has written %d bytes before anybody read them", n)
	}
	for size := granted; size < total; {
		grant := min(granted, total-size)
		tr.Credit(&agentv1.TunnelCredit{RequestId: "log", Bytes: int64(grant)})
		size += grant
		got = tr.await("log", "more of the body", func(r reply) bool { return len(r.body) >= size })
		if len(got.body) != size {
			t.Fatalf("%d bytes came, %d were granted", len(got.body), size)
		}
	}
	// The end takes no room, but is found out by reading on.
	tr.Credit(&agentv1.TunnelCredit{RequestId: "log", Bytes: 1})
	got = tr.ended("log")
	if got.end.GetFailure() != 0 || sha256.Sum256(got.body) != [32]byte(sum.Sum(nil)) {
		t.Errorf("%d bytes came, end %v", len(got.body), got.end)
	}
}

func TestAWindowOfAnySizeIsBounded(t *testing.T) {
	tr := begin(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 3*maxWindow)) })
	tr.Open(get("one", "/", room(1<<62)))
	for range 3 {
		tr.Credit(&agentv1.TunnelCredit{RequestId: "one", Bytes: -1 << 62})
	}
	tr.await("one", "all of the window", func(r reply) bool { return len(r.body) == maxWindow })
	for size := 2 * maxWindow; size <= 3*maxWindow; size += maxWindow {
		tr.Credit(&agentv1.TunnelCredit{RequestId: "other", Bytes: 1})
		tr.Credit(&agentv1.TunnelCredit{RequestId: "one", Bytes: 1<<63 - 1})
		tr.await("one", "another window", func(r reply) bool { return len(r.body) == size })
	}
	tr.Credit(&agentv1.TunnelCredit{RequestId: "one", Bytes: 1})
	tr.ended("one")
}

func TestACancelledRequestClosesTheConnectionToFlink(t *testing.T) {
	left := make(chan struct{})
	tr := begin(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		hang("beginning")(w, r)
	})
	tr.Open(get("one", "/"))
	tr.await("one", "body", func(r reply) bool { return len(r.body) > 0 })
	tr.Cancel(&agentv1.TunnelCancel{RequestId: "other"})
	tr.Cancel(&agentv1.TunnelCancel{RequestId: "one"})
	tr.expectFailure("a cancelled request", tr.ended("one"), agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED)
	await.Closed(t, "Flink to stop serving the cancelled request", left)
}

func TestRequestsEndWithTheirSession(t *testing.T) {
	tr := begin(t, hang("beginning"))
	for i := range 5 {
		tr.Open(get(strconv.Itoa(i), "/", room(3))) // some wait for room
		tr.await(strconv.Itoa(i), "body", func(r reply) bool { return len(r.body) == 3 })
	}
	tr.Reset()
	for i := range 5 {
		tr.expectFailure("a request", tr.ended(strconv.Itoa(i)), agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED)
	}
	tr.Open(get("next", "/"))
	tr.await("next", "body", func(r reply) bool { return len(r.body) > 0 })
	tr.Close()
	tr.expectFailure("a request", tr.ended("next"), agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED)
	tr.expectFailure("a late request", tr.fetch(get("late", "/")), agentv1.TunnelFailure_TUNNEL_FAILURE_CANCELLED)
}

func TestActiveRequestsAreBounded(t *testing.T) {
	tr := begin(t, hang("beginning"))
	for i := range maxFetches {
		tr.Open(get(strconv.Itoa(i), "/"))
	}
	tr.expectFailure("one more", tr.fetch(get("more", "/")), agentv1.TunnelFailure_TUNNEL_FAILURE_BUSY)
	tr.Cancel(&agentv1.TunnelCancel{RequestId: "0"})
	tr.ended("0")
	tr.Open(get("again", "/"))
	tr.await("again", "body", func(r reply) bool { return len(r.body) > 0 })
}

func TestFailures(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := &url.URL{Scheme: "http", Host: closed.Addr().String()}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	resolves := func(base *url.URL, err error) func(*Config) {
		return func(c *Config) { c.Resolver = resolver{base: base, err: err} }
	}
	limits := func(l Limits) func(*Config) { return func(c *Config) { c.Limits = l } }
	large := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("a", 100)) }
	for name, test := range map[string]struct {
		serve   http.HandlerFunc
		adjust  func(*Config)
		failure agentv1.TunnelFailure
		begun   bool // the head came
	}{
		"no Flink at all":      {nil, func(c *Config) { c.Resolver = nil }, agentv1.TunnelFailure_TUNNEL_FAILURE_UNSUPPORTED, false},
		"not running":          {nil, resolves(nil, fmt.Errorf("no pod: %w", flinkendpoint.ErrNotReady)), agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, false},
		"not to be found":      {nil, resolves(nil, errors.New("the API server is away")), agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, false},
		"nobody listens":       {nil, resolves(nobody, nil), agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, false},
		"name of this machine": {nil, resolves(&url.URL{Scheme: "http", Host: "localhost:1"}, nil), agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, false},
		"large by its head":    {large, limits(Limits{Body: 99}), agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, false},
		"large without saying": {func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			large(w, r)
		}, limits(Limits{Body: 99}), agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, true},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "beginning")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, func(*Config) {}, agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, true},
		"another protocol": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			_ = conn.Close()
		}, func(*Config) {}, agentv1.TunnelFailure_TUNNEL_FAILURE_BAD_ANSWER, false},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH\r\n")
			_ = conn.Close()
		}, func(*Config) {}, agentv1.TunnelFailure_TUNNEL_FAILURE_UNREACHABLE, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := begin(t, test.serve, test.adjust)
			got := tr.fetch(get("one", "/"))
			tr.expectFailure("it", got, test.failure)
			if (got.head != nil) != test.begun {
				t.Errorf("the head is %v", got.head)
			}
			if strings.Contains(got.end.GetMessage(), "127.0.0.1") {
				t.Errorf("the client is told an address: %s", got.end.GetMessage())
			}
		})
	}
}

// TestResponsesAreLimitedInTime has Flink stop at some point, and the clock of a bubble.
func TestResponsesAreLimitedInTime(t *testing.T) {
	for name, test := range map[string]struct {
		serve  http.HandlerFunc
		limits Limits
		took   time.Duration
		begun  bool // the head came
	}{
		"no answer":    {hang(""), Limits{Head: 10 * time.Second}, 10 * time.Second, false},
		"stands still": {hang("beginning"), Limits{Stall: 20 * time.Second}, 20 * time.Second, true},
		"too long": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "a line\n")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-time.After(time.Second):
				case <-r.Context().Done():
				}
			}
		}, Limits{Stall: 20 * time.Second, Total: 30 * time.Second}, 30 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := beginInMemory(t, test.serve, func(c *Config) { c.Limits = test.limits })
				began := time.Now()
				got := tr.fetch(get("one", "/"))
				tr.expectFailure("it", got, agentv1.TunnelFailure_TUNNEL_FAILURE_TIMEOUT)
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %s, want %s", took, test.took)
				}
				if (got.head != nil) != test.begun {
					t.Errorf("the head is %v", got.head)
				}
			})
		})
	}
}

func TestForbiddenAddresses(t *testing.T) {
	for address, ok := range map[string]bool{
		"10.0.0.1:8081":               true,
		"192.168.1.1:8081":            true,
		"[fd00::1]:8081":              true,
		"127.0.0.1:8081":              false,
		"127.8.8.8:8081":              false,
		"[::1]:8081":                  false,
		"[::ffff:127.0.0.1]:8081":     false,
		"169.254.169.254:80":          false,
		"[fe80::1]:8081":              false,
		"[fd00:ec2::254]:80":          false,
		"0.0.0.0:8081":                false,
		"[::]:8081":                   false,
		"224.0.0.1:8081":              false,
		"255.255.255.255:8081":        false,
		"[::ffff:169.254.169.254]:80": false,
		"nonsense":                    false,
	} {
		if err := checkResolved(address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestNoProxyIsUsed: the agent's environment may name one for other things.
func TestNoProxyIsUsed(t *testing.T) {
	if newTransport().Proxy != nil {
		t.Error("requests to Flink would go to a proxy")
	}
}
