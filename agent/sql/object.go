package sql

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The kind of the objects that a Driver makes true.
const (
	APIVersion = "sql.weir.dev/v1"
	Kind       = "Statement"
)

// Object is a statement as the control plane wants it. It is in no API server:
// the driver holds it in memory, and what it made of it is on the cluster.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec Spec `json:"spec"`
}

// Spec is what is wanted.
type Spec struct {
	// Deployment names the FlinkDeployment whose session cluster runs the
	// statement, in the same namespace.
	Deployment string `json:"deployment"`
	// Detached tells INSERTs and statement sets, whose job is on its own, from
	// queries, whose rows are handed out.
	Detached bool `json:"detached"`
	// Setup is run in the session before the statement. It may hold credentials,
	// and is never logged nor reported.
	Setup     []string `json:"setup"`
	Statement string   `json:"statement"`
	// Configuration are options of Flink.
	Configuration map[string]string `json:"configuration"`
	Parallelism   int               `json:"parallelism"`
	// State is running or suspended.
	State string `json:"state"`
	// UpgradeMode is savepoint, where a job shall go on from its state when it is
	// started again, or stateless.
	UpgradeMode            string `json:"upgradeMode"`
	InitialSavepointPath   string `json:"initialSavepointPath"`
	SavepointRedeployNonce int64  `json:"savepointRedeployNonce"`
	AllowNonRestoredState  bool   `json:"allowNonRestoredState"`
	// Known is what the control plane has stored of the statement. It serves an
	// agent that was restarted, and changes nothing of a statement that is held.
	Known Known `json:"known"`
}

// Known is what was reported of a statement before.
type Known struct {
	JobID                string `json:"jobId"`
	State                string `json:"state"`
	Phase                string `json:"phase"`
	UpgradeSavepointPath string `json:"upgradeSavepointPath"`
}

// ended tells whether the statement's job has ended of itself.
func (k Known) ended() bool { return k.Phase == "COMPLETED" || k.Phase == "FAILED" }

// begins tells whether the statement is to begin, or to begin again.
func (k Known) begins() bool { return k.Phase == "PENDING" || k.Phase == "STOPPED" }

func (s *Spec) suspended() bool { return s.State == "suspended" }

// stateful tells whether the job's state is kept when it is stopped.
func (s *Spec) stateful() bool { return s.UpgradeMode != "stateless" }

// parse reads a manifest and says what is wrong with it.
func parse(manifest string) (*Object, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(manifest)))
	var o Object
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("the manifest is no statement: %w", err)
	}
	var problems []error
	for field, value := range map[string]string{"metadata.name": o.Metadata.Name, "metadata.namespace": o.Metadata.Namespace,
		"spec.deployment": o.Spec.Deployment, "spec.statement": strings.TrimSpace(o.Spec.Statement)} {
		if value == "" {
			problems = append(problems, fmt.Errorf("%s: is missing", field))
		}
	}
	if s := o.Spec.State; s != "" && s != "running" && s != "suspended" {
		problems = append(problems, fmt.Errorf("spec.state: must be running or suspended, not %q", s))
	}
	if m := o.Spec.UpgradeMode; m != "" && m != "savepoint" && m != "stateless" && m != "last-state" {
		problems = append(problems, fmt.Errorf("spec.upgradeMode: must be savepoint, last-state or stateless, not %q", m))
	}
	return &o, errors.Join(problems...)
}

// markerPrefix begins the names of the jobs of all statements.
const markerPrefix = "weir/"

// identity is whose statement a job runs.
type identity struct{ owner, namespace, name string }

// marker is the name of a job, by which an agent that was restarted finds it.
func (i identity) marker() string {
	return markerPrefix + i.owner + "/" + i.namespace + "/" + i.name
}

// readMarker is false where a job's name is none that a driver gave.
func readMarker(job string) (identity, bool) {
	parts := strings.Split(job, "/")
	if len(parts) != 4 || parts[0]+"/" != markerPrefix {
		return identity{}, false
	}
	return identity{owner: parts[1], namespace: parts[2], name: parts[3]}, true
}

// fingerprint identifies what a job was made of. A job with another one has to
// be replaced. Setup is not part of it: credentials are renewed without a
// restart.
func (s *Spec) fingerprint() string {
	text, _ := json.Marshal([]any{s.Statement, s.Parallelism, sorted(s.Configuration), s.Deployment}) // strings and numbers always have a JSON form
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

func sorted(options map[string]string) [][2]string {
	out := make([][2]string, 0, len(options))
	for _, key := range slices.Sorted(maps.Keys(options)) {
		out = append(out, [2]string{key, options[key]})
	}
	return out
}
