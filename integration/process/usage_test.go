package process

import (
	"testing"
	"time"
)

func TestProcessorTimeIncludesUserAndKernelTime(t *testing.T) {
	const stat = "4711 (a (b) c) S 1 4711 4711 0 -1 4194560 30 0 0 0 250 17 9 9 20 0 12 0 100 1000 10\n"
	got, err := parseProcessorTime([]byte(stat))
	if err != nil || got != 2670*time.Millisecond {
		t.Errorf("got %s, %v, want 2.67s", got, err)
	}
	for _, bad := range []string{"", "4711 (x) S 1", "4711 (x) S 1 2 3 4 5 6 7 8 9 10 eleven 12"} {
		if got, err := parseProcessorTime([]byte(bad)); err == nil {
			t.Errorf("%q has the processor time %s", bad, got)
		}
	}
}
