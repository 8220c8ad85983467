package authentication

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// signingKey is a key of an issuer, and a token that it has signed.
type signingKey struct {
	public jose.JSONWebKey
	token  string
}

func newSigningKey(t *testing.T, id string) signingKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: private}, (&jose.SignerOptions{}).WithHeader("kid", id))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return signingKey{jose.JSONWebKey{KeyID: id, Key: public}, token}
}

// fakeIssuer responds with keys or an error.
type fakeIssuer struct {
	mu      sync.Mutex
	keys    []jose.JSONWebKey
	err     error
	fetches int
}

func (f *fakeIssuer) fetch(context.Context) ([]jose.JSONWebKey, error) {
	time.Sleep(time.Second) //nolint:forbidigo // in a bubble of synctest: the issuer takes its time
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetches++
	return f.keys, f.err
}

func (f *fakeIssuer) respond(err error, keys ...signingKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys, f.err = nil, err
	for _, key := range keys {
		f.keys = append(f.keys, key.public)
	}
}

func (f *fakeIssuer) keySet() *keySet {
	return &keySet{fetch: f.fetch, log: slog.New(slog.DiscardHandler)}
}

func wait(d time.Duration) { time.Sleep(d) } //nolint:forbidigo // in a bubble of synctest

func TestKeysAreRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newSigningKey(t, "first"), newSigningKey(t, "second")
		issuer := &fakeIssuer{}
		keys := issuer.keySet()
		verify := func(key signingKey) error {
			_, err := keys.VerifySignature(t.Context(), key.token)
			return err
		}
		issuer.respond(nil, first)
		if err := verify(first); err != nil {
			t.Fatalf("the first key: %v", err)
		}
		issuer.respond(nil, first, second)
		wait(refetchInterval)
		if err := verify(second); err != nil {
			t.Errorf("a new key: %v", err)
		}
		issuer.respond(nil, second)
		if err := verify(first); err != nil {
			t.Errorf("a key that was withdrawn a moment ago: %v", err)
		}
		wait(maxKeyAge + time.Second)
		if err := verify(first); !errors.Is(err, errNoKey) {
			t.Errorf("a key that was withdrawn: %v, want %v", err, errNoKey)
		}
		if err := verify(second); err != nil {
			t.Errorf("the key that has remained: %v", err)
		}
	})
}

func TestKnownKeysAreUsedWhileTheIssuerIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, unknown := newSigningKey(t, "key"), newSigningKey(t, "unknown")
		issuer := &fakeIssuer{}
		keys := issuer.keySet()
		issuer.respond(nil, key)
		if _, err := keys.VerifySignature(t.Context(), key.token); err != nil {
			t.Fatal(err)
		}
		down := errors.New("down")
		issuer.respond(down)
		wait(24 * time.Hour)
		if _, err := keys.VerifySignature(t.Context(), key.token); err != nil {
			t.Errorf("a known key: %v", err)
		}
		wait(refetchInterval)
		if _, err := keys.VerifySignature(t.Context(), unknown.token); !errors.Is(err, down) {
			t.Errorf("an unknown key: %v, want %v", err, down)
		}
		issuer.respond(nil, unknown)
		wait(refetchInterval)
		if _, err := keys.VerifySignature(t.Context(), unknown.token); err != nil {
			t.Errorf("a new key of the issuer that is back: %v", err)
		}
	})
}

func TestCallersWaitForOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newSigningKey(t, "key")
		issuer := &fakeIssuer{}
		issuer.respond(nil, key)
		keys := issuer.keySet()
		// The first caller does not wait, and the fetch goes on for the others.
		gone, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		var callers sync.WaitGroup
		callers.Go(func() {
			if _, err := keys.VerifySignature(gone, key.token); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a caller that leaves: %v", err)
			}
		})
		synctest.Wait()
		for range 50 {
			callers.Go(func() {
				if _, err := keys.VerifySignature(t.Context(), key.token); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if issuer.fetches != 1 {
			t.Errorf("the keys were fetched %d times, want once", issuer.fetches)
		}
	})
}

func TestFetchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, unknown := newSigningKey(t, "key"), newSigningKey(t, "unknown")
		issuer := &fakeIssuer{}
		issuer.respond(nil, key)
		keys := issuer.keySet()
		for range 600 { // in a minute
			if _, err := keys.VerifySignature(t.Context(), unknown.token); !errors.Is(err, errNoKey) {
				t.Fatal(err)
			}
			wait(100 * time.Millisecond)
		}
		if most := int(time.Minute/refetchInterval) + 1; issuer.fetches > most {
			t.Errorf("the keys were fetched %d times in a minute, want at most %d", issuer.fetches, most)
		}
	})
}
