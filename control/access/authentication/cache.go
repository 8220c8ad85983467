package authentication

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/openweir/weir/control/access"
)

const (
	// maxVerified is how long credentials count as verified. A key that is withdrawn
	// takes effect after this time at the latest.
	maxVerified = time.Minute
	// cacheSize bounds each of the two generations of a cache.
	cacheSize = 8 << 10
)

// cache holds the principals of credentials that were verified, by the hash of the
// credentials, so that the cost of a signature is not paid with every request. Its
// zero value is empty. There are two generations: once the younger one is full, the
// older one is dropped.
type cache struct {
	mu             sync.RWMutex
	younger, older map[[sha256.Size]byte]verified
}

type verified struct {
	principal *access.Principal
	until     time.Time
}

// get returns the principal of credentials, which verify finds if it is not known.
// Failures are not kept.
func (c *cache) get(kind string, credentials []byte, verify func() (*access.Principal, error)) (*access.Principal, error) {
	hash := sha256.New()
	hash.Write([]byte(kind + "\x00"))
	hash.Write(credentials)
	key := [sha256.Size]byte(hash.Sum(nil))
	now := time.Now()
	c.mu.RLock()
	known, ok := c.younger[key]
	if !ok {
		known, ok = c.older[key]
	}
	c.mu.RUnlock()
	if ok && now.Before(known.until) {
		return known.principal, nil
	}
	principal, err := verify()
	if err != nil {
		return nil, err
	}
	until := now.Add(maxVerified)
	if principal.Expires.Before(until) {
		until = principal.Expires
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.younger == nil || len(c.younger) >= cacheSize {
		c.younger, c.older = map[[sha256.Size]byte]verified{}, c.younger
	}
	c.younger[key] = verified{principal, until}
	return principal, nil
}
