package authentication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"github.com/openweir/weir/control/access"
)

const (
	// refetchInterval is the least time between two fetches of an issuer's keys, so
	// that tokens with keys that nobody has do not flood the issuer. A new key is
	// known after this time at the latest.
	refetchInterval = 10 * time.Second
	// maxKeyAge is how long a key is used without asking the issuer whether it still
	// is one. While the issuer does not respond, the keys that are known continue to
	// be used.
	maxKeyAge = 10 * time.Minute
	// fetchTimeout bounds a fetch.
	fetchTimeout = 5 * time.Second
)

var errNoKey = errors.New("no key of the issuer verifies the signature")

// keySet is the keys of an issuer, fetched when they are needed.
type keySet struct {
	fetch func(context.Context) ([]jose.JSONWebKey, error)
	log   *slog.Logger

	fetching singleflight.Group
	mu       sync.Mutex
	keys     []jose.JSONWebKey
	loaded   time.Time // when keys was fetched
	tried    time.Time // when a fetch began last
	underWay bool      // a fetch has begun and not ended
}

// VerifySignature returns the payload of a token whose signature is by a key of the
// issuer.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil {
		return nil, fmt.Errorf("parse the token: %w", err)
	}
	keys, stale := s.known()
	payload, verified := verifyWith(keys, signed)
	if verified && !stale {
		return payload, nil
	}
	keys, err = s.refetch(ctx)
	if err != nil && verified && !errors.Is(err, access.ErrWouldWait) { // by a key that the issuer has not withdrawn so far
		return payload, nil
	}
	if err != nil {
		return nil, err
	}
	if payload, verified = verifyWith(keys, signed); !verified {
		return nil, errNoKey
	}
	return payload, nil
}

// known are the keys fetched last; stale is true if the issuer should be asked again.
func (s *keySet) known() (keys []jose.JSONWebKey, stale bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, time.Since(s.loaded) > maxKeyAge
}

// refetch fetches the keys, unless that was done a moment ago. Callers at the same
// time wait for the same fetch, which does not end with any of them.
func (s *keySet) refetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	if !access.MayWait(ctx) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.underWay || s.due() {
			return nil, access.ErrWouldWait
		}
		return s.keys, nil
	}
	fetched := s.fetching.DoChan("", func() (any, error) {
		s.mu.Lock()
		if !s.due() {
			defer s.mu.Unlock()
			return s.keys, nil
		}
		s.tried, s.underWay = time.Now(), true
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
		defer cancel()
		keys, err := s.fetch(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.underWay = false
		if err != nil {
			s.log.Warn("failed to fetch the keys of an issuer", "error", err)
			return nil, err
		}
		s.keys, s.loaded = keys, time.Now()
		return keys, nil
	})
	select {
	case result := <-fetched:
		keys, _ := result.Val.([]jose.JSONWebKey)
		return keys, result.Err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// due is true if the keys may be fetched now. It needs the lock.
func (s *keySet) due() bool { return time.Since(s.tried) >= refetchInterval }

// verifyWith verifies a signature by the key that it names, or if it names none, by
// any.
func verifyWith(keys []jose.JSONWebKey, signed *jose.JSONWebSignature) ([]byte, bool) {
	if len(signed.Signatures) != 1 {
		return nil, false
	}
	header := signed.Signatures[0].Header
	for _, key := range keys {
		if header.KeyID != "" && header.KeyID != key.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}
