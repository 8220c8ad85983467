package authentication

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openweir/weir/control/access"
)

func TestCacheForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache
		verified := 0
		get := func(token string, expires time.Time) {
			t.Helper()
			if _, err := c.get("token", []byte(token), func() (*access.Principal, error) {
				verified++
				return &access.Principal{Name: token, Expires: expires}, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		expires := time.Now().Add(time.Hour)
		soon := time.Now().Add(time.Second)
		get("long", expires)
		get("short", soon)
		wait(time.Second)
		get("long", expires)
		if verified != 2 {
			t.Errorf("%d tokens were verified, want 2: one is known", verified)
		}
		get("short", soon)
		if verified != 3 {
			t.Errorf("%d tokens were verified, want 3: one has expired", verified)
		}
		wait(maxVerified)
		get("long", expires)
		if verified != 4 {
			t.Errorf("%d tokens were verified, want 4: one is verified again", verified)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	for i := range 5 * cacheSize {
		if _, err := c.get("token", []byte(strconv.Itoa(i)), func() (*access.Principal, error) {
			return &access.Principal{Expires: time.Now().Add(time.Hour)}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if size := len(c.younger) + len(c.older); size > 2*cacheSize {
		t.Errorf("it holds %d principals, want at most %d", size, 2*cacheSize)
	}
}

func TestCacheHoldsNoFailures(t *testing.T) {
	var c cache
	for range 2 {
		refused := errors.New("refused")
		if _, err := c.get("token", []byte("forged"), func() (*access.Principal, error) { return nil, refused }); !errors.Is(err, refused) {
			t.Errorf("got %v, want %v", err, refused)
		}
	}
	if size := len(c.younger) + len(c.older); size != 0 {
		t.Errorf("it holds %d principals, want none", size)
	}
}
