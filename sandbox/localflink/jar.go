package localflink

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// image is where Flink is in its images, to which jars' URIs refer.
const image = "/opt/flink/"

// maxJar is how large a jar may be that is fetched, in bytes.
const maxJar = 1 << 30

// jar returns the path of the jar that a URI names. Jars at https are fetched
// into a folder.
func jar(ctx context.Context, client *http.Client, home Home, uri, into string) (string, error) {
	at, err := url.Parse(uri)
	if err != nil {
		return "", fmt.Errorf("read the jar's URI %q: %w", uri, err)
	}
	switch at.Scheme {
	case "local", "file":
		return localJar(home, at.Path)
	case "https":
		return fetch(ctx, client, uri, filepath.Join(into, path.Base(at.Path)))
	}
	return "", fmt.Errorf("the jar's URI %q must begin with local://, file:// or https://", uri)
}

// localJar finds a jar. What would be in an image is in the Flink home.
func localJar(home Home, at string) (string, error) {
	inside, ok := strings.CutPrefix(at, image)
	found := at
	if ok {
		found = filepath.Join(home.Dir, filepath.FromSlash(path.Clean("/"+inside)))
	}
	if _, err := os.Stat(found); err == nil {
		return found, nil
	}
	// Whoever names the gateway's jar knows the image's version, not this
	// home's.
	gateway := filepath.Join(home.Dir, "opt", "flink-sql-gateway-"+home.Version+".jar")
	if ok && strings.HasPrefix(inside, "opt/flink-sql-gateway-") {
		return gateway, nil
	}
	return "", fmt.Errorf("no jar exists at %s (%s)", at, found)
}

func fetch(ctx context.Context, client *http.Client, uri, into string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return "", fmt.Errorf("fetch the jar %s: %w", uri, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("fetch the jar: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("fetch the jar %s: the response is %s", uri, response.Status)
	}
	file, err := os.Create(into)
	if err != nil {
		return "", fmt.Errorf("store the jar %s: %w", uri, err)
	}
	size, err := io.Copy(file, io.LimitReader(response.Body, maxJar+1))
	if closed := file.Close(); err == nil {
		err = closed
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("fetch the jar %s: %w", uri, err)
	case size > maxJar:
		return "", fmt.Errorf("fetch the jar %s: it is larger than %d bytes", uri, maxJar)
	}
	return into, nil
}
