package statement

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
	"github.com/openweir/weir/openjson"
)

func prod() *cmfv1.Environment {
	return &cmfv1.Environment{Name: "prod", KubernetesNamespace: "flink", KubernetesClusterName: "edge"}
}

// object parses the text of a JSON object that a test is written with.
func object(t testing.TB, text string) openjson.Object {
	t.Helper()
	parsed, err := openjson.ParseText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return parsed
}

// messages are what the client gets of an error.
func messages(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	known, ok := errors.AsType[*apierror.Error](err)
	if !ok {
		t.Fatalf("%v is not an API error", err)
	}
	return known.Messages()
}

// same fails the test unless both are equal.
func same(t testing.TB, got, want any, options ...cmp.Option) {
	t.Helper()
	if difference := cmp.Diff(want, got, options...); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
