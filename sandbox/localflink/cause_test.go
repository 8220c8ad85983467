package localflink

import "testing"

func TestCauseOfAnExit(t *testing.T) {
	tests := map[string]struct{ output, want string }{
		"an exception that nobody caught": {
			"Exception in thread \"main\" java.lang.Error: outer\n\tat a\nCaused by: java.io.IOException: inner\n\tat b", "java.io.IOException: inner",
		},
		"a logged reason, not what follows from it": {
			"2026-11-23 20:00:00,000 ERROR Entrypoint [] - Fatal error occurred in the cluster entrypoint.\n" +
				"org.apache.flink.util.FlinkException: outer\n\tat a\nCaused by: com.acme.TooFarException: inner\n\tat b\n" +
				"2026-11-23 20:00:01,000 ERROR Executor [] - Failed to submit\njava.util.concurrent.TimeoutException: late\n\tat c",
			"com.acme.TooFarException: inner",
		},
		"a class with a dollar sign": {"org.acme.Outer$InnerException: text", "org.acme.Outer$InnerException: text"},
		"no exception at all":        {"Error: Could not find or load main class x", "Error: Could not find or load main class x"},
		"nothing":                    {"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := causeOf(test.output); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
