package validate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func open(text string) *cmfv1.JsonObject { return &cmfv1.JsonObject{Json: text} }

// same fails the test unless both are equal.
func same(t testing.TB, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
