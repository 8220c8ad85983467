package apiserver

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/openweir/weir/sandbox/storage"
)

// maxBody is how many bytes a request body may have, as with a real server.
const maxBody = 3 << 20

// request is a request for a resource.
type request struct {
	http        *http.Request
	query       url.Values
	kind        *kind
	namespace   string
	name        string
	subresource string
	// manager is whom the written fields will belong to.
	manager string
	// metadataOnly is set where the client asked for PartialObjectMetadata.
	metadataOnly bool
}

func (rq *request) key() storage.Key {
	return storage.Key{Resource: rq.kind.collection(), Namespace: rq.namespace, Name: rq.name}
}

func (rq *request) dryRun() bool { return rq.query.Get("dryRun") == "All" }

// parse finds the resource that a request is for.
func (s *Server) parse(r *http.Request) (*request, error) {
	unknown := &apierrors.StatusError{ErrStatus: failure(http.StatusNotFound, "NotFound",
		"the server could not find the requested resource")}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var version schema.GroupVersion
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		version.Version, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		version.Group, version.Version, parts = parts[1], parts[2], parts[3:]
	default:
		return nil, unknown
	}
	rq := &request{http: r, query: r.URL.Query(), manager: fieldManager(r)}
	// "namespaces/x/y" is resource y in namespace x, but for the
	// subresources of the namespace itself.
	if len(parts) >= 3 && parts[0] == namespaces && parts[2] != "status" && parts[2] != "finalize" {
		rq.namespace, parts = parts[1], parts[2:]
	}
	if rq.kind = s.find(version.WithResource(parts[0])); rq.kind == nil || len(parts) > 3 {
		return nil, unknown
	}
	if rq.namespace != "" && !rq.kind.namespaced {
		return nil, unknown
	}
	if len(parts) > 1 {
		rq.name = parts[1]
	}
	if len(parts) > 2 {
		rq.subresource = parts[2]
	}
	if rq.subresource != "" && (rq.subresource != "status" || !rq.kind.status) {
		return nil, unknown
	}
	if rq.name != "" && rq.namespace == "" && rq.kind.namespaced {
		return nil, unknown
	}
	rq.metadataOnly = strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadata")
	return rq, nil
}

// fieldManager names whom a write is by: as the request says, else by the
// program's name in the user agent.
func fieldManager(r *http.Request) string {
	if manager := r.URL.Query().Get("fieldManager"); manager != "" {
		return manager
	}
	program, _, _ := strings.Cut(r.UserAgent(), "/")
	if program == "" {
		return "unknown"
	}
	return program
}

// body reads the request's object, in JSON or YAML.
func (rq *request) body() (map[string]any, error) {
	data, err := rq.raw()
	if err != nil {
		return nil, err
	}
	return decodeBody(data)
}

func (rq *request) raw() ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, rq.http.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", maxBody))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest("read the request body: " + err.Error())
	}
	return data, nil
}

func decodeBody(data []byte) (map[string]any, error) {
	if !json.Valid(data) {
		converted, err := yaml.YAMLToJSON(data)
		if err != nil {
			return nil, apierrors.NewBadRequest("the request body is neither JSON nor YAML: " + err.Error())
		}
		data = converted
	}
	var value map[string]any
	if err := kjson.Unmarshal(data, &value); err != nil || value == nil {
		return nil, apierrors.NewBadRequest("the request body must be an object")
	}
	if metadata, ok := value["metadata"]; ok && metadata != nil {
		if _, ok := metadata.(map[string]any); !ok {
			return nil, apierrors.NewBadRequest("metadata must be an object")
		}
	}
	return value, nil
}

// mediaType returns the type of the request's body.
func (rq *request) mediaType() string {
	mediaType, _, err := mime.ParseMediaType(rq.http.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return mediaType
}

// convert decodes an object's map into a Go value.
func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}
