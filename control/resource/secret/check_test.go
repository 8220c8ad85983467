package secret

import (
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// What is well formed but cannot be is 400 where a secret is created and 422 where
// it is updated, as the contract has it.
func TestCheck(t *testing.T) {
	secret := func(name, key string) *cmfv1.Secret {
		return &cmfv1.Secret{Metadata: &cmfv1.ObjectMeta{Name: name}, Spec: &cmfv1.SecretSpec{Data: map[string]string{key: "v"}}}
	}
	for name, test := range map[string]struct {
		err    error
		status int // 0 where nothing is wrong
		says   string
	}{
		"a new secret":                              {check(secret("kafka", "user")), 0, ""},
		"a new secret with a key with a slash":      {check(secret("kafka", "a/b")), 400, `spec.data["a/b"]`},
		"an updated secret":                         {checkUpdate(secret("kafka", "user")), 0, ""},
		"an updated secret with a key with a slash": {checkUpdate(secret("kafka", "a/b")), 422, `spec.data["a/b"]`},
		"an updated secret with a wrong name":       {checkUpdate(secret("k", "a/b")), 400, "metadata.name"},
	} {
		got := 0
		if test.err != nil {
			got = httpStatus(test.err)
		}
		if got != test.status || (test.err != nil && !strings.Contains(test.err.Error(), test.says)) {
			t.Errorf("%s: got %d, %v, want %d with %q", name, got, test.err, test.status, test.says)
		}
	}
}

// httpStatus is what REST clients get for an error about a request.
func httpStatus(err error) int {
	for _, detail := range status.Convert(err).Details() {
		if special, ok := detail.(*cmfv1.HttpStatus); ok {
			return int(special.GetCode())
		}
	}
	return 400
}
