package sql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestManifests(t *testing.T) {
	const good = `{"apiVersion":"sql.weir.dev/v1","kind":"Statement","metadata":{"name":"s","namespace":"n"},"spec":{"deployment":"pool","statement":"SELECT 1","later":"unknown"}}`
	if o, err := parse(good); err != nil || o.Spec.Deployment != "pool" || o.Metadata.Namespace != "n" {
		t.Errorf("got %+v, %v", o, err)
	}
	for name, text := range map[string]string{
		"no JSON":         `{`,
		"no name":         `{"metadata":{"namespace":"n"},"spec":{"deployment":"pool","statement":"SELECT 1"}}`,
		"no deployment":   `{"metadata":{"name":"s","namespace":"n"},"spec":{"statement":"SELECT 1"}}`,
		"empty statement": `{"metadata":{"name":"s","namespace":"n"},"spec":{"deployment":"pool","statement":" "}}`,
		"unknown state":   `{"metadata":{"name":"s","namespace":"n"},"spec":{"deployment":"pool","statement":"SELECT 1","state":"paused"}}`,
		"unknown upgrade": `{"metadata":{"name":"s","namespace":"n"},"spec":{"deployment":"pool","statement":"SELECT 1","upgradeMode":"magic"}}`,
	} {
		if _, err := parse(text); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestMarkersNameStatements(t *testing.T) {
	id := identity{owner: "u-1", namespace: "n", name: "s"}
	if back, ok := readMarker(id.marker()); !ok || back != id {
		t.Errorf("%q is read as %v, %v", id.marker(), back, ok)
	}
	for _, other := range []string{"", "insert-into_x", "weir/u/n", "weir/u/n/s/more", "other/u/n/s"} {
		if id, ok := readMarker(other); ok {
			t.Errorf("%q is read as %v", other, id)
		}
	}
}

func TestFingerprintsDetermineWhetherAJobIsReplaced(t *testing.T) {
	spec := func(change func(*Spec)) string {
		s := &Spec{Statement: "INSERT", Parallelism: 1, Configuration: map[string]string{"a": "b"}, Deployment: "pool"}
		change(s)
		return s.fingerprint()
	}
	same := spec(func(*Spec) {})
	for name, test := range map[string]struct {
		change func(*Spec)
		equal  bool
	}{
		"setup":         {func(s *Spec) { s.Setup = []string{"CREATE TABLE t (password STRING)"} }, true},
		"state":         {func(s *Spec) { s.State = "suspended" }, true},
		"known":         {func(s *Spec) { s.Known.JobID = "j" }, true},
		"nonce":         {func(s *Spec) { s.SavepointRedeployNonce = 3 }, true}, // compared apart
		"parallelism":   {func(s *Spec) { s.Parallelism = 2 }, false},
		"configuration": {func(s *Spec) { s.Configuration = map[string]string{"a": "c"} }, false},
		"statement":     {func(s *Spec) { s.Statement = "INSERT INTO x" }, false},
	} {
		if got := spec(test.change) == same; got != test.equal {
			t.Errorf("another %s: the same fingerprint: %v", name, got)
		}
	}
}

func TestOptionsOfSessions(t *testing.T) {
	for name, test := range map[string]struct {
		spec Spec
		want map[string]string
	}{
		"query": {Spec{Parallelism: 2, Configuration: map[string]string{"k": "v"}}, map[string]string{
			"k": "v", "pipeline.name": "m", "parallelism.default": "2", "restart-strategy.type": "none", "execution.checkpointing.mode": "AT_LEAST_ONCE",
		}},
		"query with options of its own": {Spec{Configuration: map[string]string{"restart-strategy": "fixed-delay", "execution.checkpointing.interval": "1 s"}}, map[string]string{
			"pipeline.name": "m", "restart-strategy": "fixed-delay", "execution.checkpointing.interval": "1 s",
		}},
		"insert": {Spec{Detached: true, SavepointRedeployNonce: 4, Statement: "INSERT", Configuration: map[string]string{"pipeline.global-job-parameters": "a:b"}}, map[string]string{
			"pipeline.name": "m", "table.dml-sync": "false",
			"pipeline.global-job-parameters": "a:b,weir.spec:" + (&Spec{Statement: "INSERT", Configuration: map[string]string{"pipeline.global-job-parameters": "a:b"}}).fingerprint() + ",weir.nonce:4,weir.generation:7,weir.epoch:9",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, sessionOptions(&test.spec, "m", 7, 9)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptionsToRestore(t *testing.T) {
	for _, test := range []struct {
		version, path string
		allow         bool
		want          map[string]string
	}{
		{"2.2.0", "", true, nil},
		{"2.2.0", "file:///s", false, map[string]string{"execution.state-recovery.path": "file:///s"}},
		{"2.2.0", "s3://s", true, map[string]string{"execution.state-recovery.path": "s3://s", "execution.state-recovery.ignore-unclaimed-state": "true"}},
		{"1.20.3", "s3://s", true, map[string]string{"execution.savepoint.path": "s3://s", "execution.savepoint.ignore-unclaimed-state": "true"}},
	} {
		if diff := cmp.Diff(test.want, restoreOptions(test.version, test.path, test.allow)); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", test, diff)
		}
	}
}
