package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/openweir/weir/internal/await"
)

// tokenFile has a token of an agent, without which no agent could connect.
func tokenFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte("0123456789abcdef0123456789abcdef cluster-a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// openStream sends a request and returns the response without its body.
func openStream(t *testing.T, ctx context.Context, url string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// TestLimitsOfCallersOverREST: of a control plane that serves REST itself, and behind a
// separate gateway.
func TestLimitsOfCallersOverREST(t *testing.T) {
	tokens := tokenFile(t)
	grpc, rest, admin, gateway := ownAddress(t), ownAddress(t), ownAddress(t), ownAddress(t)
	start(t, "control", "--auth", "none", "--etcd-dir", filepath.Join(t.TempDir(), "etcd"), "--insecure-agent-token-file", tokens,
		"--grpc", grpc, "--agents", ownAddress(t), "--http", rest, "--admin", admin, "--limit-watches", "1")
	start(t, "gateway", "--insecure", "--control", grpc, "--http", gateway)
	for _, address := range []string{admin, gateway} {
		await.Until(t, "it is ready", func() bool { return get("http://"+address+"/readyz") != "" })
	}
	for name, address := range map[string]string{"the control plane": rest, "a gateway": gateway} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			url := "http://" + address + "/cmf/api/v1/environments?watch=true"
			var first *http.Response
			await.Until(t, "no other watch is open", func() bool {
				first = openStream(t, ctx, url)
				return first.StatusCode == http.StatusOK
			})
			if line, err := bufio.NewReader(first.Body).ReadString('\n'); err != nil || !strings.Contains(line, "SYNCED") {
				t.Fatalf("the watch begins with %q, %v", line, err)
			}
			second := openStream(t, ctx, url)
			body, err := io.ReadAll(second.Body)
			want := `{"errors":[{"message":"User:ANONYMOUS already has 1 open watches, which is the limit. Try again later."}]}`
			if second.StatusCode != http.StatusTooManyRequests || string(body) != want {
				t.Errorf("the second watch: %d %s, %v", second.StatusCode, body, err)
			}
			if seconds, err := strconv.Atoi(second.Header.Get("Retry-After")); err != nil || seconds < 1 {
				t.Errorf("Retry-After: %q", second.Header.Get("Retry-After"))
			}
		})
	}
	limited := func(limit string) bool {
		return !regexp.MustCompile(`weir_requests_limited_total\{[^}]*limit="` + limit + `"[^}]*\} 0\n`).MatchString(get("http://" + admin + "/metrics"))
	}
	if !limited("watches") || limited("requests-per-second") {
		t.Error("the metrics do not show the limit that was reached")
	}
}

func TestLimitsThatMakeNoSense(t *testing.T) {
	tokens := tokenFile(t)
	for _, flag := range []string{"--limit-watches", "--limit-connections"} {
		out, err := command("control", "--auth", "none", "--etcd-dir", t.TempDir(), "--insecure-agent-token-file", tokens, flag, "-1").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "must") || !strings.Contains(string(out), fmt.Sprint(-1)) {
			t.Errorf("%s -1: %v: %s", flag, err, out)
		}
	}
}
