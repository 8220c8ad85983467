package gateway

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/openweir/weir/gateway/codec"
	"github.com/openweir/weir/gateway/metadataservice"
)

const (
	// maxLoginBody is the size of the body of a login, in bytes.
	maxLoginBody = 64 << 10
	// loginBodyTimeout is how long the body of a login may take.
	loginBodyTimeout = 5 * time.Second
	// maxLogins is how many logins may be under way.
	maxLogins = 64
)

// loginPaths are the paths of the Metadata Service with which `confluent login` gets a
// token, and their methods. Their callers are not authenticated here: they have yet to
// get what they authenticate with.
var loginPaths = []struct{ method, path string }{
	{http.MethodGet, "/security/1.0/authenticate"},
	{http.MethodGet, featuresPath},
	{http.MethodPost, "/security/1.0/oidc/device/authenticate"},
	{http.MethodPost, "/security/1.0/oidc/device/check-auth"},
	{http.MethodPost, "/security/1.0/oidc/device/extend-auth"},
}

// featuresPath is asked which ways to log in there are.
const featuresPath = "/security/1.0/features"

// addLogin adds the routes with which users log in.
func (g *gateway) addLogin() (err error) {
	for _, of := range loginPaths {
		err = errors.Join(err, g.handle(&route{method: of.method, template: of.path, pattern: of.path},
			func(rw *responseWriter, r *http.Request, _ map[string]string) { g.login(rw, r, of.path) }))
	}
	return err
}

// login hands a request to the Metadata Service. Nothing of it is logged: it has the
// password of a user.
func (g *gateway) login(rw *responseWriter, r *http.Request, path string) {
	if g.config.MetadataService == nil {
		if path == featuresPath {
			rw.json(http.StatusOK, []byte(`{"features":{"oidc.login.device.1.enabled":false},"legend":{"oidc.login.device.1.enabled":"Logging in is not set up here."}}`))
			return
		}
		rw.failLogin(http.StatusNotFound, "Logging in is not set up here: Weir has no Metadata Service to hand it to (--mds-url).")
		return
	}
	body, ok := rw.loginBody(r)
	if !ok {
		return
	}
	select {
	case g.logins <- struct{}{}:
		defer func() { <-g.logins }()
	default:
		rw.failLogin(http.StatusServiceUnavailable, "Too many users are logging in. Try again.")
		return
	}
	response, err := g.config.MetadataService.Send(r.Context(), r.Method, path, r.Header, body)
	switch {
	case r.Context().Err() != nil:
		rw.failLogin(statusClientGone, "The request was cancelled.")
	case errors.Is(err, metadataservice.ErrResponse):
		rw.log.Error("a login failed", "request", rw.id, "error", err)
		rw.failLogin(http.StatusBadGateway, "The Metadata Service gave a response that cannot be passed on.")
	case err != nil:
		rw.log.Error("a login failed", "request", rw.id, "error", err)
		rw.failLogin(http.StatusServiceUnavailable, "The Metadata Service does not respond. Try again.")
	case len(response.Body) == 0:
		rw.failLogin(response.Status, "The Metadata Service refuses the request: "+http.StatusText(response.Status)+".")
	default:
		if response.Status == http.StatusUnauthorized || response.Status == http.StatusForbidden {
			rw.log.Info("a login was refused", "request", rw.id, "status", response.Status, "peer", r.RemoteAddr)
		}
		if response.RetryAfter != "" {
			rw.Header().Set("Retry-After", response.RetryAfter)
		}
		rw.json(response.Status, response.Body)
	}
}

// loginBody reads the body of a login before anything is taken for it that others wait
// for: whoever sends it slowly holds up nobody. It returns false if it has responded.
func (rw *responseWriter) loginBody(r *http.Request) (body []byte, ok bool) {
	if r.Method == http.MethodGet {
		return nil, true
	}
	connection := http.NewResponseController(rw)
	_ = connection.SetReadDeadline(time.Now().Add(loginBodyTimeout)) // else the timeout of the server counts
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxLoginBody))
	_ = connection.SetReadDeadline(time.Time{})
	if err == nil {
		return body, true
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		rw.failLogin(http.StatusRequestEntityTooLarge, "The body must have at most "+strconv.Itoa(maxLoginBody)+" bytes.")
		return nil, false
	}
	rw.failLogin(http.StatusBadRequest, "The body cannot be read.")
	return nil, false
}

// failLogin responds with an error as the Metadata Service has it.
func (rw *responseWriter) failLogin(status int, message string) {
	code := strconv.Itoa(status)
	body := codec.AppendString([]byte(`{"status_code":`+code+`,"error_code":`+code+`,"message":`), message)
	rw.json(status, append(body, '}'))
}

// json responds with JSON.
func (rw *responseWriter) json(status int, body []byte) {
	rw.Header().Set("Content-Type", formatJSON.contentType)
	rw.finish(status, body)
}
