package apiserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openweir/weir/sandbox/storage"
)

// failure returns the status of a failed request.
func failure(code int32, reason metav1.StatusReason, message string) metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: message}
}

// statusOf returns the status object that an error is on the wire.
func statusOf(err error) metav1.Status {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	s := status.Status()
	s.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return s
}

// reply answers with an error.
func reply(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	if details := status.Details; details != nil && details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(details.RetryAfterSeconds)))
	}
	writeJSON(w, int(status.Code), status)
}

// writeJSON answers with a value. An error cannot be sent to a client that has disconnected.
func writeJSON(w http.ResponseWriter, code int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeBytes(w, code, data)
}

func writeBytes(w http.ResponseWriter, code int, data []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(code)
	_, _ = w.Write(data)
}

// render returns an object as the client asked to have it.
func (rq *request) render(object *storage.Object) ([]byte, error) {
	if !rq.metadataOnly {
		return object.JSON, nil
	}
	var partial struct {
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(object.JSON, &partial); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{
		"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": partial.Metadata,
	})
}

// writeObject answers with an object.
func (rq *request) writeObject(w http.ResponseWriter, code int, object *storage.Object) error {
	data, err := rq.render(object)
	if err != nil {
		return err
	}
	writeBytes(w, code, data)
	return nil
}

// writeList answers with objects as they were at a revision.
func (rq *request) writeList(w http.ResponseWriter, objects []*storage.Object, revision uint64) error {
	version, name := rq.kind.name.GroupVersion().String(), rq.kind.listKind
	if rq.metadataOnly {
		version, name = "meta.k8s.io/v1", "PartialObjectMetadataList"
	}
	var list bytes.Buffer
	list.WriteString(`{"kind":"` + name + `","apiVersion":"` + version + `","metadata":{"resourceVersion":"` +
		strconv.FormatUint(revision, 10) + `"},"items":[`)
	for i, object := range objects {
		if i > 0 {
			list.WriteByte(',')
		}
		data, err := rq.render(object)
		if err != nil {
			return err
		}
		list.Write(data)
	}
	list.WriteString("]}\n")
	writeBytes(w, http.StatusOK, list.Bytes())
	return nil
}
