package flink_test

import (
	"testing"

	"github.com/openweir/weir/flink"
)

func TestErrorMessage(t *testing.T) {
	for text, want := range map[string]string{
		``: ``,
		`{"type":"org.example.Bad","message":"it is bad","throwableList":[{"message":"deeper"}]}`: `it is bad`,
		`{"type":"org.example.Bad"}`: `{"type":"org.example.Bad"}`,
		`{"message":`:                `{"message":`,
		`["a"]`:                      `["a"]`,
		`plain text`:                 `plain text`,
	} {
		same(t, flink.ErrorMessage(text), want)
	}
}
