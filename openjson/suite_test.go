package openjson_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/openjson"
)

// parse parses the text of a JSON object that a test is written with.
func parse(t testing.TB, text string) openjson.Object {
	t.Helper()
	parsed, err := openjson.ParseText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return parsed
}

// equal fails the test unless both are equal.
func equal(t testing.TB, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}
