package application

import (
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/openweir/weir/control/apierror"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func specification(text string) *cmfv1.JsonObject { return &cmfv1.JsonObject{Json: text} }

// messages are those of an API error.
func messages(err error) []string {
	if refused, ok := errors.AsType[*apierror.Error](err); ok {
		return refused.Messages()
	}
	return nil
}

func TestCheckApplication(t *testing.T) {
	for name, test := range map[string]struct {
		app  *cmfv1.FlinkApplication
		want []string
	}{
		"right": {
			app: &cmfv1.FlinkApplication{Metadata: &cmfv1.ObjectMeta{Name: "orders"}, Spec: specification(`{"flinkVersion":"v1_20","serviceAccount":"flink","job":{"parallelism":1}}`)},
		},
		"any apiVersion will do": {
			app: &cmfv1.FlinkApplication{ApiVersion: "cmf/v1", Kind: "FlinkApplication", Metadata: &cmfv1.ObjectMeta{Name: "orders"}, Spec: specification(`{}`)},
		},
		"everything wrong at once": {
			app: &cmfv1.FlinkApplication{
				Kind: "Environment",
				Metadata: &cmfv1.ObjectMeta{
					Name:        "No",
					Labels:      map[string]string{"team": "a b", "weir.dev/x": "y"},
					Annotations: map[string]string{"a b": "any text is fine"},
				},
				Spec: specification(`{"job":{"startFromSavepoint":{}}}`),
			},
			want: []string{
				"metadata.name: size must be between 4 and 45",
				`kind: must be "FlinkApplication"`,
				`metadata.labels["team"]: `,
				`metadata.labels["weir.dev/x"]: the prefix weir.dev/ is reserved for Weir`,
				`metadata.annotations["a b"]: `,
				"spec.job.startFromSavepoint: must name a savepoint by savepointName, uid or initialSavepointPath",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := check(test.app)
			got := messages(err)
			if len(got) != len(test.want) {
				t.Fatalf("the messages are %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				// What Kubernetes has to say of a mark is its own affair.
				if strings.HasSuffix(want, ": ") {
					got[i] = got[i][:min(len(got[i]), len(want))]
				}
				expect(t, "a message", got[i], want)
			}
		})
	}
}

func TestFormatUsage(t *testing.T) {
	got := FormatUsage(&cmfv1.ResourceUsageSummary{
		JobManager:  &cmfv1.ProcessUsage{Cpu: proto.Float64(1.5), Memory: proto.Int64(1<<53 + 1), Count: proto.Int32(1)},
		TaskManager: &cmfv1.ProcessUsage{},
	})
	expect(t, "the usage", got, `{"jobManager":{"count":1,"cpu":1.5,"memory":9007199254740993},"taskManager":{"count":0,"cpu":0,"memory":0}}`)
}
