package flink_test

import (
	"testing"

	"github.com/openweir/weir/flink"
)

func TestParseMemory(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1024": 1024, "1b": 1, "7 bytes": 7,
		"1k": 1 << 10, "1KB": 1 << 10, "1Ki": 1 << 10,
		"1024m": 1 << 30, "2 mb": 2 << 20, "3Mi": 3 << 20, "1 mebibytes": 1 << 20,
		" 2G ": 2 << 30, "4gib": 4 << 30, "1t": 1 << 40, "2Ti": 2 << 40, "1e9": 1e9,
	} {
		got, err := flink.ParseMemory(text)
		if err != nil || got != want {
			t.Errorf("%q is %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "g", "-1g", "1x", "1 g b", "1.5g", "1.2.3m", "NaN", "Inf", "infinity", "0x10", "1,5g", "8388608t", "9223372036854775808", "1e19", "1e400", "1e9m", "<nil>", "1g1"} {
		if got, err := flink.ParseMemory(text); err == nil {
			t.Errorf("%q is %d, want an error", text, got)
		}
	}
}
