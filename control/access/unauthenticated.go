package access

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// errUnauthenticated is all that a caller learns. Why a token or a certificate is
// refused would help those who forge them; it is logged.
var errUnauthenticated = status.Error(codes.Unauthenticated, "Authentication is required: present a valid bearer token or client certificate.")

// ErrNoCredentials is the reason if a caller has neither token nor certificate.
var ErrNoCredentials = errors.New("no credentials")

// maxReason bounds what is logged of a reason, which may quote what the caller
// sent, in bytes.
const maxReason = 512

// Unauthenticated logs why a caller is not authenticated, and returns the error that
// the caller gets.
func Unauthenticated(ctx context.Context, log *slog.Logger, reason error) error {
	level := slog.LevelInfo
	if errors.Is(reason, ErrNoCredentials) || errors.Is(reason, ErrNotVerified) {
		level = slog.LevelDebug
	}
	text := reason.Error()
	if len(text) > maxReason {
		text = text[:maxReason] + "…"
	}
	log.Log(ctx, level, "a caller is not authenticated", "reason", strings.ToValidUTF8(text, "\uFFFD"), "peer", peerAddress(ctx))
	return errUnauthenticated
}

func peerAddress(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return ""
}
