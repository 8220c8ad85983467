package access

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/metadata"
)

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 16 << 10

// BearerToken returns the token in the metadata of an RPC; given is false if there are
// no credentials in it.
func BearerToken(ctx context.Context) (token string, given bool, err error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	switch len(values) {
	case 0:
		return "", false, nil
	case 1:
	default:
		return "", true, errors.New("there is more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return "", true, errors.New("the scheme of the Authorization header is not Bearer")
	case token == "":
		return "", true, errors.New("the Authorization header has no token")
	case len(token) > maxToken:
		return "", true, errors.New("the token is larger than 16 KiB")
	}
	return token, true, nil
}
