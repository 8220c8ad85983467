package flink_test

import (
	"testing"

	"github.com/openweir/weir/flink"
)

func TestTheFirstNameThatIsSetCounts(t *testing.T) {
	for name, test := range map[string]struct {
		options map[string]string
		name    string
		value   string
	}{
		"none":               {map[string]string{"state.checkpoints": "x"}, "", ""},
		"the current name":   {map[string]string{"execution.checkpointing.dir": "a", "state.checkpoints.dir": "b"}, "execution.checkpointing.dir", "a"},
		"an older name":      {map[string]string{"state.checkpoints.dir": "b"}, "state.checkpoints.dir", "b"},
		"a value of no text": {map[string]string{"execution.checkpointing.dir": "", "state.checkpoints.dir": "b"}, "execution.checkpointing.dir", ""},
	} {
		t.Run(name, func(t *testing.T) {
			name, value := flink.Checkpoints.In(test.options)
			same(t, []string{name, value}, []string{test.name, test.value})
		})
	}
}

func TestHighlyAvailable(t *testing.T) {
	for text, want := range map[string]bool{
		`{}`: false,
		`{"high-availability.type":"kubernetes"}`:                            true,
		`{"high-availability":"zookeeper"}`:                                  true,
		`{"high-availability":{"type":"org.example.Services"}}`:              true,
		`{"high-availability.type":"None"}`:                                  false,
		`{"high-availability":"standalone"}`:                                 false,
		`{"high-availability.type":"NONE","high-availability":"kubernetes"}`: false,
	} {
		spec := object(t, `{"flinkConfiguration":`+text+`}`)
		same(t, flink.HighlyAvailable(flink.Options(spec)), want)
	}
}
