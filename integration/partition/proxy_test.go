package partition_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openweir/weir/integration/partition"
	"github.com/openweir/weir/internal/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProxyForwardsBothDirectionsAndTheEnd(t *testing.T) {
	p := start(t)
	conn := dial(t, p)
	say(t, conn, "hello\n")
	if got := hear(t, conn); got != "hello\n" {
		t.Fatalf("the echo is %q", got)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end of the stream: %v, want EOF", err)
	}
}

func TestDropIsSilentAndHealDeliversDelayedData(t *testing.T) {
	p := start(t)
	conn := dial(t, p)
	say(t, conn, "before\n")
	hear(t, conn)

	p.Drop()
	say(t, conn, "during\n")
	late := dial(t, p)
	say(t, late, "late\n")
	for _, c := range []net.Conn{conn, late} {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("while everything is dropped: %d bytes, %v", n, err)
		}
	}

	p.Heal()
	if got := hear(t, conn); got != "during\n" {
		t.Fatalf("after healing: %q", got)
	}
	if got := hear(t, late); got != "late\n" {
		t.Fatalf("after healing, on a new connection: %q", got)
	}
}

func TestCutResetsConnectionsAndAcceptsNewOnes(t *testing.T) {
	p := start(t)
	conn := dial(t, p)
	say(t, conn, "before\n")
	hear(t, conn)

	p.Cut()
	_ = conn.SetReadDeadline(time.Now().Add(await.Patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("after the cut: %v, want a reset", err)
	}
	again := dial(t, p)
	say(t, again, "after\n")
	if got := hear(t, again); got != "after\n" {
		t.Fatalf("the echo after the cut is %q", got)
	}
}

// start runs an echo server and a proxy before it.
func start(t *testing.T) *partition.Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(conn, conn)
				_ = conn.Close()
			}()
		}
	}()
	p, err := partition.Listen(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func dial(t *testing.T, p *partition.Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func say(t *testing.T, conn net.Conn, line string) {
	t.Helper()
	if _, err := io.WriteString(conn, line); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(await.Patience))
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}
