package flinkspec_test

import (
	"testing"

	"google.golang.org/protobuf/testing/protocmp"

	"github.com/openweir/weir/control/flinkspec"
	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

func use(cpu float64, memory int64, count int32) *cmfv1.ProcessUsage {
	return &cmfv1.ProcessUsage{Cpu: &cpu, Memory: &memory, Count: &count}
}

func TestUsage(t *testing.T) {
	for name, test := range map[string]struct {
		spec        string
		jobManager  *cmfv1.ProcessUsage
		taskManager *cmfv1.ProcessUsage
	}{
		"one of each where nothing is said":   {`{}`, use(0, 0, 1), use(0, 0, 1)},
		"by replicas":                         {`{"jobManager":{"replicas":2,"resource":{"cpu":0.5,"memory":"1g"}},"taskManager":{"replicas":3,"resource":{"cpu":2,"memory":"512m"}}}`, use(1, 2<<30, 2), use(6, 3<<29, 3)},
		"by parallelism":                      {`{"job":{"parallelism":5}}`, use(0, 0, 1), use(0, 0, 5)},
		"slots are filled up":                 {`{"job":{"parallelism":5},"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"}}`, use(0, 0, 1), use(0, 0, 3)},
		"slots as a number":                   {`{"job":{"parallelism":4},"flinkConfiguration":{"taskmanager.numberOfTaskSlots":2}}`, use(0, 0, 1), use(0, 0, 2)},
		"slots that are none":                 {`{"job":{"parallelism":4},"flinkConfiguration":{"taskmanager.numberOfTaskSlots":0}}`, use(0, 0, 1), use(0, 0, 4)},
		"replicas win over parallelism":       {`{"job":{"parallelism":9},"taskManager":{"replicas":1}}`, use(0, 0, 1), use(0, 0, 1)},
		"memory as a number of bytes":         {`{"taskManager":{"resource":{"memory":1073741824}}}`, use(0, 0, 1), use(0, 1<<30, 1)},
		"nothing while suspended":             {`{"job":{"state":"suspended","parallelism":4},"taskManager":{"resource":{"cpu":1,"memory":"1g"}}}`, use(0, 0, 0), use(0, 0, 0)},
		"more memory than there are integers": {`{"taskManager":{"replicas":2147483647,"resource":{"memory":"8388607t"}}}`, use(0, 0, 1), use(0, 1<<63-1, 2147483647)},
	} {
		t.Run(name, func(t *testing.T) {
			want := &cmfv1.ResourceUsageSummary{JobManager: test.jobManager, TaskManager: test.taskManager}
			same(t, flinkspec.Usage(object(t, test.spec)), want, protocmp.Transform())
		})
	}
}

func TestAddUsage(t *testing.T) {
	a := &cmfv1.ResourceUsageSummary{JobManager: use(1, 10, 1), TaskManager: use(2, 20, 2)}
	none := &cmfv1.ResourceUsageSummary{JobManager: use(0, 0, 0), TaskManager: use(0, 0, 0)}
	same(t, flinkspec.AddUsage(nil, nil), none, protocmp.Transform())
	same(t, flinkspec.AddUsage(nil, a), a, protocmp.Transform())
	same(t, flinkspec.AddUsage(a, a), &cmfv1.ResourceUsageSummary{JobManager: use(2, 20, 2), TaskManager: use(4, 40, 4)}, protocmp.Transform())
}
