package computepool

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openweir/weir/control/apierror"
	storev1 "github.com/openweir/weir/gen/cmf/store/v1"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func pool(kind, state, spec string) *cmfv1.ComputePool {
	return &cmfv1.ComputePool{
		Metadata: &cmfv1.ObjectMeta{Name: "pool-a"},
		Spec:     &cmfv1.ComputePoolSpec{Type: kind, State: state, ClusterSpec: &cmfv1.JsonObject{Json: spec}},
	}
}

func TestCheck(t *testing.T) {
	named := func(name string) *cmfv1.ComputePool {
		p := pool("DEDICATED", "", "{}")
		p.Metadata.Name = name
		return p
	}
	for name, test := range map[string]struct {
		pool *cmfv1.ComputePool
		want []string
	}{
		"dedicated":          {pool("DEDICATED", "", `{"flinkVersion":"v2_0"}`), nil},
		"shared":             {pool("SHARED", "SUSPENDED", `{"flinkVersion":"v2_0"}`), nil},
		"what the CLI sends": {pool("DEDICATED", "", `{"serviceAccount":"flink","job":{"parallelism":2}}`), nil},
		"state of a dedicated pool": {pool("DEDICATED", "RUNNING", "{}"),
			[]string{"spec.state: can only be set for pools of type SHARED"}},
		"a job": {pool("SHARED", "", `{"job":{"jarURI":"local:///x.jar","state":"running"}}`), []string{
			"spec.clusterSpec.job.jarURI: must not be set: statements bring their own job",
			"spec.clusterSpec.job.state: must not be set: statements bring their own job",
		}},
		"a name too long for the operator": {named("a123456789012345678901234567890123456789012345"),
			[]string{"metadata.name: size must be between 4 and 45"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, messages(t, check(test.pool))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTypeOfAComputePoolIsImmutable(t *testing.T) {
	err := checkUpdate(pool("SHARED", "", "{}"), pool("DEDICATED", "", "{}"))
	if diff := cmp.Diff([]string{"spec.type: cannot change after creation, it is 'SHARED'"}, messages(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPhase(t *testing.T) {
	const revision = 7
	shared := pool("SHARED", "RUNNING", "{}")
	reports := func(manager, lifecycle, failure string) *storev1.StatusRecord {
		return &storev1.StatusRecord{Status: "{}", Generation: revision, JobManagerStatus: manager, LifecycleState: lifecycle, Error: failure}
	}
	problem := func(retrying bool) *storev1.StatusRecord {
		return &storev1.StatusRecord{Problem: &storev1.Problem{Reason: "Forbidden", Message: "No.", Retrying: retrying}}
	}
	old := reports("READY", "STABLE", "")
	old.Generation = revision - 1
	for name, test := range map[string]struct {
		pool           *cmfv1.ComputePool
		reported       *storev1.StatusRecord
		phase, message string
	}{
		"dedicated":                  {pool("DEDICATED", "", "{}"), nil, "DEDICATED", ""},
		"suspended":                  {pool("SHARED", "SUSPENDED", "{}"), reports("READY", "STABLE", ""), "SUSPENDED", ""},
		"not reported":               {shared, nil, "PENDING", ""},
		"reported for an older pool": {shared, old, "PENDING", ""},
		"deploying":                  {shared, reports("DEPLOYING", "DEPLOYED", ""), "PENDING", ""},
		"ready":                      {shared, reports("READY", "STABLE", ""), "RUNNING", ""},
		"missing with an error":      {shared, reports("MISSING", "DEPLOYED", "gone"), "FAILING", "gone"},
		"JobManager in error":        {shared, reports("ERROR", "DEPLOYED", "no image"), "FAILED", "no image"},
		"failed":                     {shared, reports("MISSING", "FAILED", "manual restore"), "FAILED", "manual restore"},
		"refused by the API server":  {shared, problem(false), "FAILED", "Forbidden: No."},
		"tried again by the agent":   {shared, problem(true), "PENDING", "Forbidden: No."},
		"in error when it was ready": {shared, reports("READY", "STABLE", "a passing error"), "RUNNING", ""},
	} {
		t.Run(name, func(t *testing.T) {
			phase, message := phaseOf(test.pool, revision, test.reported)
			if phase != test.phase || message != test.message {
				t.Errorf("is %s %q, want %s %q", phase, message, test.phase, test.message)
			}
		})
	}
}

// messages are what the client gets of an error.
func messages(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	known, ok := errors.AsType[*apierror.Error](err)
	if !ok {
		t.Fatalf("%v is not an API error", err)
	}
	return known.Messages()
}
