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

	"github.com/openweir/weir/flink"
)

// The kind of the objects that a Driver handles.
const (
	APIVersion = "sql.weir.dev/v1"
	Kind       = "Statement"
)

// Object is a statement in its desired state. It is not stored in an API server:
// the driver keeps it in memory, and its job is on the cluster.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec Spec `json:"spec"`
}

// Spec is the desired state of a statement.
type Spec struct {
	// Deployment names the FlinkDeployment whose session cluster runs the
	// statement, in the same namespace.
	Deployment string `json:"deployment"`
	// Detached is true for INSERTs and statement sets, whose job runs without the
	// driver, and false for queries, whose rows the driver returns.
	Detached bool `json:"detached"`
	// Setup is run in the session before the statement. It may contain credentials,
	// and must not be logged or reported.
	Setup     []string `json:"setup"`
	Statement string   `json:"statement"`
	// Configuration contains Flink options.
	Configuration map[string]string `json:"configuration"`
	Parallelism   int               `json:"parallelism"`
	// State is running or suspended.
	State string `json:"state"`
	// UpgradeMode is stateless, or savepoint or last-state if a job resumes from its
	// state.
	UpgradeMode            string `json:"upgradeMode"`
	InitialSavepointPath   string `json:"initialSavepointPath"`
	SavepointRedeployNonce int64  `json:"savepointRedeployNonce"`
	AllowNonRestoredState  bool   `json:"allowNonRestoredState"`
	// Known is what the control plane has recorded of the statement. A restarted
	// driver uses it; for a statement that the driver holds it has no effect.
	Known Known `json:"known"`
}

// Known is what was last reported of a statement.
type Known struct {
	JobID                string `json:"jobId"`
	State                string `json:"state"`
	Phase                string `json:"phase"`
	UpgradeSavepointPath string `json:"upgradeSavepointPath"`
}

// ended reports whether the statement's job has finished or failed.
func (k Known) ended() bool { return k.Phase == "COMPLETED" || k.Phase == "FAILED" }

// starts reports whether the statement is to be started.
func (k Known) starts() bool { return k.Phase == "PENDING" || k.Phase == "STOPPED" }

func (s *Spec) suspended() bool { return s.State == flink.Suspended }

// stateful reports whether the job's state is kept when it is stopped.
func (s *Spec) stateful() bool { return s.UpgradeMode != flink.UpgradeStateless }

// parse decodes and validates a manifest.
func parse(manifest string) (*Object, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(manifest)))
	var o Object
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("the manifest is not a valid statement: %w", err)
	}
	var problems []error
	for field, value := range map[string]string{"metadata.name": o.Metadata.Name, "metadata.namespace": o.Metadata.Namespace,
		"spec.deployment": o.Spec.Deployment, "spec.statement": strings.TrimSpace(o.Spec.Statement)} {
		if value == "" {
			problems = append(problems, fmt.Errorf("%s: is required", field))
		}
	}
	if s := o.Spec.State; s != "" && s != flink.Running && s != flink.Suspended {
		problems = append(problems, fmt.Errorf("spec.state: must be running or suspended, not %q", s))
	}
	if m := o.Spec.UpgradeMode; m != "" && !slices.Contains(flink.UpgradeModes, m) {
		problems = append(problems, fmt.Errorf("spec.upgradeMode: must be savepoint, last-state or stateless, not %q", m))
	}
	return &o, errors.Join(problems...)
}

// markerPrefix is the prefix of the job names of all statements.
const markerPrefix = "weir/"

// identity identifies a statement.
type identity struct{ owner, namespace, name string }

// marker is the name of the statement's job, by which a restarted driver finds it.
func (i identity) marker() string {
	return markerPrefix + i.owner + "/" + i.namespace + "/" + i.name
}

// readMarker parses a job name. It returns false if it is not a marker.
func readMarker(job string) (identity, bool) {
	parts := strings.Split(job, "/")
	if len(parts) != 4 || parts[0]+"/" != markerPrefix {
		return identity{}, false
	}
	return identity{owner: parts[1], namespace: parts[2], name: parts[3]}, true
}

// fingerprint identifies what a job was submitted from. A job with another
// fingerprint is replaced. Setup is not included, so that renewed credentials do
// not restart jobs.
func (s *Spec) fingerprint() string {
	text, _ := json.Marshal([]any{s.Statement, s.Parallelism, sorted(s.Configuration), s.Deployment}) // cannot fail for strings and numbers
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
