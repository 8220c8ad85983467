package localflink

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptionsOfACluster(t *testing.T) {
	home := Home{javaOptions: "--add-opens x"}
	at := ports{rest: 1, rpc: 2, gateway: 3}
	tests := map[string]struct {
		spec   Spec
		option string
		want   string
	}{
		"the port is the sandbox's":                {Spec{Options: map[string]string{"rest.port": "8081"}}, "rest.port", "1"},
		"the gateway would take the bind port":     {Spec{Options: map[string]string{"rest.bind-port": "8081"}}, "rest.bind-port", ""},
		"everything listens on the loopback":       {Spec{Options: map[string]string{"rest.bind-address": "0.0.0.0"}}, "rest.bind-address", loopback},
		"there is no Kubernetes":                   {Spec{Options: map[string]string{"kubernetes.operator.x": "1"}}, "kubernetes.operator.x", ""},
		"nor high availability":                    {Spec{Options: map[string]string{"high-availability.type": "kubernetes"}}, "high-availability.type", ""},
		"the spec's options win over the defaults": {Spec{Options: map[string]string{"heartbeat.interval": "1000"}}, "heartbeat.interval", "1000"},
		"the memory of a resource wins":            {Spec{JobManagerMemory: "1g", Options: map[string]string{"jobmanager.memory.process.size": "2g"}}, "jobmanager.memory.process.size", "1073741824b"},
		"without a resource the option stays":      {Spec{Options: map[string]string{"jobmanager.memory.process.size": "2g"}}, "jobmanager.memory.process.size", "2g"},
		"a job has its parallelism":                {Spec{Job: &Job{Parallelism: 3}}, "parallelism.default", "3"},
		"an application outlives its job":          {Spec{Job: &Job{}}, "execution.shutdown-on-application-finish", "false"},
		"Java gets what the home and the spec say": {
			Spec{Options: map[string]string{"env.java.opts.all": "-Dmine=1"}}, "env.java.opts.all",
			"--add-opens x -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dmine=1",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			all, err := options(home, test.spec, at)
			if err != nil {
				t.Fatal(err)
			}
			if got := all[test.option]; got != test.want {
				t.Errorf("%s is %q, want %q", test.option, got, test.want)
			}
		})
	}
	if _, err := options(home, Spec{TaskManagerMemory: "plenty"}, at); err == nil || !strings.Contains(err.Error(), "taskmanager.memory.process.size") {
		t.Errorf("memory that is none: %v", err)
	}
}

func TestJobArguments(t *testing.T) {
	job := Job{ID: "0a", EntryClass: "com.acme.Job", Savepoint: "file:///s", AllowNonRestoredState: true, Args: []string{"--job-id", "mine"}}
	want := []string{
		"--job-id", "0a", "--jars", "/x.jar", "--fromSavepoint", "file:///s", "--allowNonRestoredState",
		"--job-classname", "com.acme.Job", "--", "--job-id", "mine",
	}
	if diff := cmp.Diff(want, jobArguments(job, "/x.jar")); diff != "" {
		t.Errorf("arguments differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"--job-id", "0a"}, jobArguments(Job{ID: "0a"}, "")); diff != "" {
		t.Errorf("arguments of the least job differ (-want +got):\n%s", diff)
	}
}
