package flinkspec_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/apierror"
	"github.com/openweir/weir/openjson"
)

// object parses the text of a JSON object that a test is written with.
func object(t testing.TB, text string) openjson.Object {
	t.Helper()
	parsed, err := openjson.ParseText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return parsed
}

// messages are what the caller is told of an error.
func messages(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var told *apierror.Error
	if !errors.As(err, &told) {
		t.Fatalf("%v is no API error", err)
	}
	return told.Messages()
}

// same fails the test unless both are equal.
func same(t testing.TB, got, want any, options ...cmp.Option) {
	t.Helper()
	if difference := cmp.Diff(want, got, options...); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
