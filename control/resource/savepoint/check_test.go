package savepoint

import (
	"strings"
	"testing"

	"google.golang.org/grpc/status"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// TestWellFormedButImpossibleRequests holds the rules to the contract's difference
// between 400 and 422.
func TestWellFormedButImpossibleRequests(t *testing.T) {
	savepoint := func(format string) *cmfv1.Savepoint {
		return &cmfv1.Savepoint{Spec: &cmfv1.SavepointSpec{FormatType: format, Path: "s3://bucket/savepoint"}}
	}
	for name, test := range map[string]struct {
		err    error
		status int // 0 where nothing is wrong
		says   string
	}{
		"a savepoint to take":                        {checkTrigger(savepoint("NATIVE")), 0, ""},
		"an unknown format":                          {checkTrigger(savepoint("UNKNOWN")), 422, "spec.formatType"},
		"an unknown format of an existing savepoint": {checkDetached(savepoint("UNKNOWN")), 0, ""},
		"a detached savepoint without a path":        {checkDetached(&cmfv1.Savepoint{}), 422, "spec.path"},
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
	for _, detail := range status.Convert(apierror.ToStatus(err).Err()).Details() {
		if special, ok := detail.(*cmfv1.HttpStatus); ok {
			return int(special.GetCode())
		}
	}
	return 400
}
