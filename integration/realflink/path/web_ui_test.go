//go:build flink

package path

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// script finds what a page of Flink's web UI loads.
var script = regexp.MustCompile(`(?:src|href)="([A-Za-z0-9_.-]+\.(?:js|css))"`)

// webUI reads a path of the web UI of a statement.
func (s *site) webUI(statement, path string) (status int, header http.Header, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet,
		s.Base+"/cmf/api/v1/environments/test/statements/"+statement+"/flink-web-ui"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// TestWebUI: Flink's own web UI is there with all that it loads, and nothing in
// it stops a job.
func TestWebUI(t *testing.T) {
	onEveryRelease(t, func(t *testing.T, s *site) {
		s.catalog("shop", "sales", "127.0.0.1:1", "http://127.0.0.1:1")
		s.pool("pool", "SHARED")
		s.answered("make-numbers", "pool", "CREATE TABLE numbers (n BIGINT) WITH ('connector'='datagen', 'rows-per-second'='5')")
		s.statement("numbers", "pool", "SELECT n FROM numbers", nil)
		s.awaitPhase("numbers", "RUNNING")

		status, header, page := s.webUI("numbers", "/")
		if status != http.StatusOK || !strings.Contains(page, "<title>Apache Flink Web Dashboard</title>") {
			t.Fatalf("the web UI is %d %s", status, page)
		}
		if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox allow-scripts") || strings.Contains(policy, "allow-same-origin") {
			t.Errorf("its policy is %q", policy)
		}
		loads := script.FindAllStringSubmatch(page, -1)
		if len(loads) < 3 {
			t.Errorf("the page loads only %v", loads)
		}
		for _, load := range loads {
			if status, header, body := s.webUI("numbers", "/"+load[1]); status != http.StatusOK || body == "" ||
				!strings.Contains(header.Get("Content-Type"), "javascript") && !strings.Contains(header.Get("Content-Type"), "css") {
				t.Errorf("%s is %d, %s, of %d bytes", load[1], status, header.Get("Content-Type"), len(body))
			}
		}

		status, _, overview := s.webUI("numbers", "/jobs/overview")
		job := regexp.MustCompile(`"jid":"([0-9a-f]{32})"`).FindStringSubmatch(overview)
		if status != http.StatusOK || job == nil || !strings.Contains(overview, "/numbers") {
			t.Fatalf("the jobs are %d %s", status, overview)
		}
		for path, want := range map[string]int{
			"/jobs/" + job[1]:                   http.StatusOK,
			"/jobmanager/log":                   http.StatusOK,
			"/jobs/nonsense":                    http.StatusBadRequest,
			"/jobs/" + job[1] + "/yarn-cancel":  http.StatusForbidden,
			"/jobs/" + job[1] + "/yarn-stop/":   http.StatusForbidden,
			"/jobs/" + job[1] + "/%79arn-stop":  http.StatusForbidden,
			"/v1/jobs/" + job[1] + "/yarn-stop": http.StatusForbidden,
			// Flink cuts a path at an escaped question mark, and cancels.
			"/jobs/" + job[1] + "/yarn-cancel%3Fx":      http.StatusBadRequest,
			"/jobs/" + job[1] + "/yarn-cancel%253Fx":    http.StatusBadRequest,
			"/jobmanager/logs/..%252f..%252fetc%252fpw": http.StatusBadRequest,
		} {
			if status, _, body := s.webUI("numbers", path); status != want || status == http.StatusOK && body == "" {
				t.Errorf("%s is %d, want %d: %.200s", path, status, want, body)
			}
		}
		if _, _, after := s.webUI("numbers", "/jobs/overview"); !strings.Contains(after, fmt.Sprintf(`"jid":"%s"`, job[1])) || !strings.Contains(after, `"state":"RUNNING"`) {
			t.Errorf("the job does not run any more: %s", after)
		}
	})
}
