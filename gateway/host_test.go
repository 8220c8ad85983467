package gateway_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"

	"github.com/openweir/weir/gateway"
	"github.com/openweir/weir/internal/await"
)

// A page that makes its own name resolve to the address of the server is of the same
// origin as the server, unless the server knows its own names.
func TestRequestsToOtherHostsAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		listen  string
		names   []string
		served  []string
		refused []string
	}{
		"loopback": {
			"127.0.0.1:0", nil, []string{"localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:1", "127.9.9.9", "[::1]:8080", "[::ffff:127.0.0.1]"},
			[]string{"attacker.example", "attacker.example:8080", "localhost.attacker.example", "192.0.2.1", "[2001:db8::1]:80", "0.0.0.0", "2130706433"},
		},
		"loopback with a name": {
			"127.0.0.1:0", []string{"weir.example.com"}, []string{"localhost", "weir.example.com", "Weir.Example.com.:443"},
			[]string{"attacker.example", "a.weir.example.com", "192.0.2.1"},
		},
		"any address":             {"0.0.0.0:0", nil, []string{"weir.example.com", "192.0.2.1", "localhost"}, nil},
		"any address with a name": {"0.0.0.0:0", []string{"weir.example.com"}, []string{"weir.example.com:80", "192.0.2.1", "[2001:db8::1]:80"}, []string{"attacker.example"}},
	} {
		t.Run(name, func(t *testing.T) {
			listener, err := net.Listen("tcp", test.listen)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
			go func() { ended <- gateway.Serve(ctx, listener, handler, test.names, quiet()) }()
			address := fmt.Sprintf("127.0.0.1:%d", listener.Addr().(*net.TCPAddr).Port)
			client := &rest{url: "http://" + address, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
			to := func(host string) reply {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, client.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Host = host
				return client.send(t, request)
			}
			for _, host := range test.served {
				if got := to(host); got.status != http.StatusNoContent {
					t.Errorf("host %s: %d %s, want %d", host, got.status, got.body, http.StatusNoContent)
				}
			}
			for _, host := range test.refused {
				if got := to(host); got.status != http.StatusMisdirectedRequest {
					t.Errorf("host %s: %d, want %d", host, got.status, http.StatusMisdirectedRequest)
				}
			}
			stop()
			if err := await.Receive(t, "the end of the server", ended); err != nil {
				t.Error(err)
			}
		})
	}
}
