package localflink

import "testing"

func TestProcessSize(t *testing.T) {
	tests := map[string]struct{ memory, want string }{
		"Flink's m is a mebibyte":         {"2048m", "2147483648b"},
		"with its unit written out":       {"2 gb", "2147483648b"},
		"Kubernetes' own unit":            {"2Gi", "2147483648b"},
		"bytes":                           {"2147483648", "2147483648b"},
		"less than a process can do with": {"100m", "1073741824b"},
		"no amount":                       {"plenty", ""},
		"more than there is":              {"99999999999t", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := processSize(test.memory, minTaskManager)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q and %v, want %q", got, err, test.want)
			}
		})
	}
}
