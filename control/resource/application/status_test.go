package application_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/resource/application"
	"github.com/openweir/weir/flink"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	"github.com/openweir/weir/openjson"
)

func TestNormalStatus(t *testing.T) {
	for name, test := range map[string]struct{ status, want string }{
		"nothing reported":                   {``, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
		"no job status":                      {`{"lifecycleState":"CREATED"}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"},"lifecycleState":"CREATED"}`},
		"a job of null":                      {`{"jobStatus":null}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
		"a job status that is not an object": {`{"jobStatus":"RUNNING"}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
		"fields of null":                     {`{"jobStatus":{"jobName":null,"state":null,"jobId":"1"}}`, `{"jobStatus":{"jobId":"1","jobName":"","state":"RECONCILING"}}`},
		"fields of other types":              {`{"jobStatus":{"jobName":1,"state":{}}}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
		"an empty state":                     {`{"jobStatus":{"jobName":"j","state":""}}`, `{"jobStatus":{"jobName":"j","state":"RECONCILING"}}`},
		"whole":                              {`{"jobStatus":{"jobName":"j","state":"RUNNING","startTime":"1767322800000"},"error":"e","observedGeneration":3}`, `{"error":"e","jobStatus":{"jobName":"j","startTime":"1767322800000","state":"RUNNING"},"observedGeneration":3}`},
		"a null error":                       {`{"error":null}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
		"an empty error":                     {`{"error":""}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
		"output-only fields of Weir":         {`{"warning":"w","currentDeployedInstanceName":"i","resourceSummary":{}}`, `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			reported := parsed(t, test.status)
			expectSame(t, openjson.Text(application.NormalStatus(reported)), test.want)
			expectSame(t, reported, parsed(t, test.status))
		})
	}
}

func TestApplicationStatus(t *testing.T) {
	const running = `{"jobStatus":{"jobName":"j","state":"RUNNING"}}`
	problem := &storev1.Problem{Reason: "NamespaceNotFound", Message: "there is no namespace \"flink\""}
	for name, test := range map[string]struct {
		instance string
		reported *storev1.StatusRecord
		warning  string
		want     string
	}{
		"nothing reported": {
			want: `{"jobStatus":{"jobName":"","state":"RECONCILING"}}`,
		},
		"nothing reported of an instance": {
			instance: "i-1",
			want:     `{"jobStatus":{"jobName":"","state":"RECONCILING"},"currentDeployedInstanceName":"i-1"}`,
		},
		"reported": {
			instance: "i-1", reported: &storev1.StatusRecord{Status: running},
			want: `{"jobStatus":{"jobName":"j","state":"RUNNING"},"currentDeployedInstanceName":"i-1"}`,
		},
		"reported and stale": {
			reported: &storev1.StatusRecord{Status: running}, warning: "stale",
			want: `{"jobStatus":{"jobName":"j","state":"RUNNING"},"warning":"stale"}`,
		},
		"a problem is the error": {
			reported: &storev1.StatusRecord{Problem: problem}, warning: "stale",
			want: `{"jobStatus":{"jobName":"","state":"RECONCILING"},"error":"NamespaceNotFound: there is no namespace \"flink\"","warning":"stale"}`,
		},
		"or a warning beside an error": {
			reported: &storev1.StatusRecord{Status: `{"error":"e"}`, Error: "e", Problem: problem}, warning: "stale",
			want: `{"error":"e","warning":"NamespaceNotFound: there is no namespace \"flink\" stale"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := application.Status(&storev1.ApplicationRecord{Instance: test.instance}, test.reported, test.warning)
			expectSame(t, got, test.want)
			if err := openjson.Check(got); err != nil {
				t.Errorf("it %v", err)
			}
		})
	}
}

// What Weir adds to a status must not be in it already, or the key is duplicated.
func TestApplicationStatusOfAnyNormalStatusIsJSON(t *testing.T) {
	for _, text := range []string{`{"error":null}`, `{"error":"e"}`, `{"error":{}}`, `{"warning":"w","currentDeployedInstanceName":"i"}`} {
		normal := application.NormalStatus(parsed(t, text))
		reported := &storev1.StatusRecord{
			Status:  openjson.Text(normal),
			Error:   flink.ErrorMessage(openjson.String(normal, "error")),
			Problem: &storev1.Problem{Reason: "R", Message: "m"},
		}
		got := application.Status(&storev1.ApplicationRecord{Instance: "i"}, reported, "stale")
		if err := openjson.Check(got); err != nil {
			t.Errorf("of %s: %s %v", text, got, err)
		}
	}
}

func parsed(t testing.TB, text string) openjson.Object {
	t.Helper()
	out, err := openjson.ParseText(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out
}

func expectSame(t testing.TB, got, want any) {
	t.Helper()
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}

// A stored status ends with the instance of its report, which may have been
// succeeded since.
func TestStatusShowsTheCurrentInstance(t *testing.T) {
	const reported = `{"jobStatus":{"jobName":"j","state":"RUNNING"}`
	for name, test := range map[string]struct{ stored, current, want string }{
		"the same":     {"one", "one", reported + `,"currentDeployedInstanceName":"one"}`},
		"another one":  {"one", "two", reported + `,"currentDeployedInstanceName":"two"}`},
		"none stored":  {"", "two", reported + `,"currentDeployedInstanceName":"two"}`},
		"none at all":  {"", "", reported + `}`},
		"none current": {"one", "", reported + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			status := reported + "}"
			if test.stored != "" {
				status = reported + `,"currentDeployedInstanceName":"` + test.stored + `"}`
			}
			got := application.Status(&storev1.ApplicationRecord{Instance: test.current}, &storev1.StatusRecord{Status: status, Instance: test.stored}, "")
			expectSame(t, got, test.want)
		})
	}
}
