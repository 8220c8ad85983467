package kafka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sr"
)

// Reasons that users see. They are fixed, since the answer of a server that was chosen
// by one user is shown to others, and might be of a server that is no Kafka cluster.
var (
	errNoTLS          = errors.New("the TLS connection cannot be established")
	errUnauthorized   = errors.New("the credentials are not accepted")
	errNoAnswer       = errors.New("the server sent no valid response")
	errTooManySchemas = fmt.Errorf("the schema refers to more than %d others", maxReferences)
)

// brief returns why a client failed, in words that are not the server's.
func brief(err error) error {
	for _, known := range []error{errNotConnected, errNoTLS, errTooManySchemas} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errNotConnected
	}
	if code, ok := errors.AsType[*kerr.Error](err); ok {
		return fmt.Errorf("the cluster responded with the error %s", code.Message)
	}
	if response, ok := errors.AsType[*sr.ResponseError](err); ok {
		switch response.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return errUnauthorized
		default:
			return errNoAnswer
		}
	}
	return errNoAnswer
}

// maxReason is the maximum length of an error about a schema, in bytes.
const maxReason = 300

// oneLine returns the error about a schema as one line of bounded length.
func oneLine(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return errors.New(text)
}
