package flink_test

import (
	"reflect"
	"testing"

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

// same fails the test unless both are equal.
func same(t testing.TB, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
