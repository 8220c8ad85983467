package machinetoken

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/openweir/weir/control/access"
	"github.com/openweir/weir/control/store"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
)

// session is what callers with a token have in common.
type session struct {
	key       string // of the record
	principal *access.Principal
	revoked   chan struct{} // closed when the token is no longer there
}

var (
	errMalformed = errors.New("the machine token is malformed")
	errUnknown   = errors.New("the machine token is not known")
	errExpired   = errors.New("the machine token has expired")
)

// Authenticate authenticates callers with machine tokens, and leaves all others to next.
// It reads what the replica knows, and asks nobody.
func (t *Tokens) Authenticate(next access.Authenticate) access.Authenticate {
	return func(ctx context.Context) (*access.Principal, error) {
		token, given, err := access.BearerToken(ctx)
		if err != nil || !given || !isToken(token) {
			return next(ctx)
		}
		principal, err := t.verify(token)
		if err != nil {
			return nil, access.Unauthenticated(ctx, t.store.Log(), err)
		}
		return principal, nil
	}
}

func (t *Tokens) verify(token string) (*access.Principal, error) {
	name, ok := nameIn(token)
	if !ok {
		return nil, errMalformed
	}
	record := t.kind.Records.In(t.store.Cached()).Get(store.Key(name))
	if record == nil || subtle.ConstantTimeCompare(record.Value().GetTokenHash(), digest(token)) != 1 {
		return nil, errUnknown
	}
	if expired(record, time.Now()) {
		return nil, errExpired
	}
	return t.principal(record)
}

func expired(record *store.Object[*storev1.MachineTokenRecord], now time.Time) bool {
	return !now.Before(record.Value().GetToken().GetStatus().GetExpirationTimestamp().AsTime())
}

// principal returns the user of a token.
func (t *Tokens) principal(record *store.Object[*storev1.MachineTokenRecord]) (*access.Principal, error) {
	token := record.Value().GetToken()
	uid := token.GetMetadata().GetUid()
	if known, ok := t.used.Load(uid); ok {
		return known.(*session).principal, nil
	}
	revoked := make(chan struct{})
	made := &session{key: record.Key, revoked: revoked, principal: &access.Principal{
		Name: access.Machine(token.GetMetadata().GetName()), Environments: token.GetSpec().GetEnvironments(),
		Expires: token.GetStatus().GetExpirationTimestamp().AsTime(), Revoked: revoked,
	}}
	known, _ := t.used.LoadOrStore(uid, made)
	// Follow does not see a token that went before it was in the map.
	if t.gone(uid, known.(*session)) {
		t.revoke(uid)
		return nil, errUnknown
	}
	return known.(*session).principal, nil
}

func (t *Tokens) gone(uid string, s *session) bool {
	record := t.kind.Records.In(t.store.Cached()).Get(s.key)
	return record == nil || record.Value().GetToken().GetMetadata().GetUid() != uid
}

// revoke ends what callers with a token have open.
func (t *Tokens) revoke(uid string) {
	if s, ok := t.used.LoadAndDelete(uid); ok {
		close(s.(*session).revoked)
	}
}

// Follow revokes tokens that are deleted, until the context ends.
func (t *Tokens) Follow(ctx context.Context) error {
	return t.store.Follow(ctx, t.kind.Records.Scope(""), func() {
		t.used.Range(func(uid, s any) bool {
			if t.gone(uid.(string), s.(*session)) {
				t.revoke(uid.(string))
			}
			return true
		})
	})
}
