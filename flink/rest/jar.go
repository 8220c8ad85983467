package rest

import (
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
)

// Upload gives the JobManager a jar and returns its name for it.
func (c *Client) Upload(ctx context.Context, jar string) (id string, err error) {
	file, err := os.Open(jar)
	if err != nil {
		return "", fmt.Errorf("open the jar: %w", err)
	}
	defer func() { _ = file.Close() }()
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() {
		part, err := form.CreatePart(map[string][]string{
			"Content-Disposition": {fmt.Sprintf(`form-data; name="jarfile"; filename=%q`, filepath.Base(jar))},
			"Content-Type":        {"application/x-java-archive"},
		})
		if err == nil {
			_, err = io.Copy(part, file)
		}
		if err == nil {
			err = form.Close()
		}
		writer.CloseWithError(err)
	}()
	defer func() { _ = reader.Close() }()
	var answer struct {
		File string `json:"filename"`
	}
	if err := c.send(ctx, http.MethodPost, "/jars/upload", form.FormDataContentType(), reader, &answer); err != nil {
		return "", fmt.Errorf("upload %s: %w", jar, err)
	}
	return path.Base(answer.File), nil
}

// Run is how the program of a jar is run.
type Run struct {
	EntryClass            string   `json:"entryClass,omitempty"`
	Arguments             []string `json:"programArgsList,omitempty"`
	Parallelism           int64    `json:"parallelism,omitempty"`
	Job                   string   `json:"jobId"`
	Savepoint             string   `json:"savepointPath,omitempty"`
	AllowNonRestoredState bool     `json:"allowNonRestoredState,omitempty"`
	// Options are Flink options of the job.
	Options map[string]string `json:"flinkConfiguration,omitempty"`
}

// Run runs the program of an uploaded jar, and returns once its job is
// submitted.
func (c *Client) Run(ctx context.Context, jar string, run Run) error {
	if err := c.do(ctx, http.MethodPost, "/jars/"+url.PathEscape(jar)+"/run", run, nil); err != nil {
		return fmt.Errorf("run %s: %w", jar, err)
	}
	return nil
}

// Forget deletes an uploaded jar.
func (c *Client) Forget(ctx context.Context, jar string) error {
	return c.do(ctx, http.MethodDelete, "/jars/"+url.PathEscape(jar), nil, nil)
}
