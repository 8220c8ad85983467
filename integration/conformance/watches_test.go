package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openweir/weir/internal/await"
)

// TestEveryListCanBeWatched reads the first change of every list, which is of
// what is there, in both formats. Watching is Weir's own; lists are the
// contract's.
func TestEveryListCanBeWatched(t *testing.T) {
	for _, l := range lists {
		t.Run(l.path, func(t *testing.T) {
			s := newScene(t, inJSON)
			for _, step := range l.given {
				step(s)
			}
			for mediaType, prefix := range map[string]string{"application/x-ndjson": "", "text/event-stream": "data: "} {
				got, line := s.firstLine(l.path+"?watch=true", mediaType, prefix)
				var change struct {
					Type   string
					Object map[string]any
				}
				if err := json.Unmarshal([]byte(strings.TrimPrefix(line, prefix)), &change); err != nil {
					t.Fatalf("%s: the first line is %q: %v", mediaType, line, err)
				}
				if got != mediaType || change.Type != "ADDED" || change.Object == nil {
					t.Errorf("%s: answered as %q with %s", mediaType, got, line)
				}
			}
		})
	}
}

// firstLine asks for a stream and gives its media type and the first line that
// begins so.
func (s *scene) firstLine(path, accept, prefix string) (mediaType, line string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), await.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+s.fill(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() != "" && strings.HasPrefix(lines.Text(), prefix) {
			return response.Header.Get("Content-Type"), lines.Text()
		}
	}
	s.t.Fatalf("GET %s: the stream has ended: %v", path, lines.Err())
	return "", ""
}
