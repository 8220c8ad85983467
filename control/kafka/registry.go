package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Limits on what is read from a registry.
const (
	maxResponse   = 4 << 20
	maxReferences = 100
)

// Names of options of a client of the registry.
const (
	registryURL  = "schema.registry.url"
	registrySSL  = "schema.registry."
	registryUser = "basic.auth.user.info"
	bearerToken  = "bearer.auth.token"
)

// Registry is a client of a schema registry; nil if there is none.
type registry struct {
	client *sr.Client
	url    string
}

// newRegistry is nil where the options name no registry.
func newRegistry(network *Network, options map[string]string) (*registry, error) {
	urls := list(options[registryURL])
	if len(urls) == 0 {
		return nil, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	transport.Proxy = nil
	transport.DialContext = network.dial
	config, err := tlsConfig(options, registrySSL)
	if err != nil {
		return nil, fmt.Errorf("the schema registry connection is misconfigured: %w", err)
	}
	transport.TLSClientConfig = config
	clientOptions := []sr.ClientOpt{
		sr.URLs(urls...),
		sr.UserAgent(clientID),
		sr.HTTPClient(&http.Client{
			Timeout:   timeout,
			Transport: bounded{transport},
			// Credentials go to the registry that was named and to no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
	}
	if user, password, found := basicAuth(options, urls[0]); found {
		clientOptions = append(clientOptions, sr.BasicAuth(user, password))
	} else if token := first(options, bearerToken, registrySSL+bearerToken); token != "" {
		clientOptions = append(clientOptions, sr.BearerToken(token))
	}
	client, err := sr.NewClient(clientOptions...)
	if err != nil {
		return nil, fmt.Errorf("the schema registry connection is misconfigured: %w", err)
	}
	return &registry{client, withoutUser(urls[0])}, nil
}

// basicAuth returns the user from the same places as the Java client, except for
// Kafka's own.
func basicAuth(options map[string]string, address string) (user, password string, found bool) {
	if info := first(options, registryUser, registrySSL+registryUser); info != "" {
		user, password, found = strings.Cut(info, ":")
		return user, password, found
	}
	if parsed, err := url.Parse(address); err == nil && parsed.User != nil {
		password, _ = parsed.User.Password()
		return parsed.User.Username(), password, true
	}
	return "", "", false
}

func first(options map[string]string, keys ...string) string {
	for _, key := range keys {
		if options[key] != "" {
			return options[key]
		}
	}
	return ""
}

// withoutUser returns a URL without its user information.
func withoutUser(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "an invalid URL"
	}
	parsed.User = nil
	return parsed.String()
}

// bounded limits responses to maxResponse bytes.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxResponse), response.Body}
	}
	return response, err
}

// subject is the newest schema of a subject with those that it refers to.
type subject struct {
	name string
	kind sr.SchemaType
	text string
	// references are by the name that the schema has for them, those that refer
	// to nothing else first.
	references []reference
}

type reference struct{ name, text string }

// read returns the newest schema of a subject, or nil if there is none.
func (r *registry) read(ctx context.Context, name string) (*subject, error) {
	if r == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	latest, err := r.client.SchemaByVersion(ctx, name, -1)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, r.failure(name, err)
	}
	out := &subject{name: name, kind: latest.Type, text: latest.Schema.Schema}
	if err := r.resolve(ctx, latest.References, map[string]bool{}, out); err != nil {
		return nil, r.failure(name, err)
	}
	return out, nil
}

// resolve adds the schemas that a schema refers to, depth first.
func (r *registry) resolve(ctx context.Context, references []sr.SchemaReference, seen map[string]bool, out *subject) error {
	for _, ref := range references {
		if seen[ref.Name] {
			continue
		}
		seen[ref.Name] = true
		if len(seen) > maxReferences {
			return errTooManySchemas
		}
		found, err := r.client.SchemaByVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return fmt.Errorf("read version %d of %s, which the schema refers to: %w", ref.Version, ref.Subject, err)
		}
		if err := r.resolve(ctx, found.References, seen, out); err != nil {
			return err
		}
		out.references = append(out.references, reference{ref.Name, found.Schema.Schema})
	}
	return nil
}

func (r *registry) failure(name string, err error) error {
	return fmt.Errorf("the schema registry at %s: subject %s: %w", r.url, name, brief(err))
}

// remove soft-deletes a subject. It is not an error if the subject does not exist.
func (r *registry) remove(ctx context.Context, name string) error {
	if r == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if _, err := r.client.DeleteSubject(ctx, name, sr.SoftDelete); err != nil && !missing(err) {
		return r.failure(name, err)
	}
	return nil
}

// missing reports whether the registry answered that the subject does not exist.
func missing(err error) bool {
	var response *sr.ResponseError
	// The registry answers 40401 for subjects and 40402 for versions. A bare 404
	// comes from a server that is not a registry.
	return errors.As(err, &response) && response.StatusCode == http.StatusNotFound && response.ErrorCode >= 40400
}
