package authentication

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/grpc/metadata"
)

// maxToken is the longest token that is looked at, in bytes.
const maxToken = 16 << 10

// bearerToken is the token in the metadata of an RPC; given is false if there are no
// credentials in it.
func bearerToken(ctx context.Context) (token string, given bool, err error) {
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

// unverifiedIssuer is the claim iss of a JWT whose signature is yet to be verified. It
// only selects what verifies it.
func unverifiedIssuer(token string) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", errors.New("the token is not a JWT: its payload is not base64url")
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", errors.New("the token is not a JWT: its payload is not a JSON object with a string iss")
	}
	return claims.Issuer, nil
}
