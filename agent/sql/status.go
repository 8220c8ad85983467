package sql

import (
	"encoding/json"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// The lifecycle states of statements, which are the operator's of jobs.
const (
	lifecycleCreated   = "CREATED"   // nothing runs yet
	lifecycleUpgrading = "UPGRADING" // a job is being stopped for another one
	lifecycleDeployed  = "DEPLOYED"  // there is a job
	lifecycleStable    = "STABLE"    // the job has run
	lifecycleSuspended = "SUSPENDED"
	lifecycleFailed    = "FAILED"
)

// status is what is reported of a statement, in the shape of a
// FlinkSessionJob's.
type status struct {
	ObservedGeneration int64       `json:"observedGeneration"`
	LifecycleState     string      `json:"lifecycleState"`
	Error              string      `json:"error,omitempty"`
	JobStatus          *jobStatus  `json:"jobStatus,omitempty"`
	Traits             *traits     `json:"traits,omitempty"`
	Exceptions         []exception `json:"exceptions,omitempty"`
}

type jobStatus struct {
	JobID                string `json:"jobId,omitempty"`
	JobName              string `json:"jobName,omitempty"`
	State                string `json:"state,omitempty"`
	StartTime            string `json:"startTime,omitempty"`
	UpdateTime           string `json:"updateTime,omitempty"`
	UpgradeSavepointPath string `json:"upgradeSavepointPath,omitempty"`
}

// traits are what the planner has told of a statement. What it did not tell is
// absent.
type traits struct {
	IsBounded     *bool   `json:"isBounded,omitempty"`
	IsAppendOnly  *bool   `json:"isAppendOnly,omitempty"`
	UpsertColumns []int32 `json:"upsertColumns,omitempty"`
	Schema        schema  `json:"schema,omitzero"`
}

// schema is a message of the contract within encoding/json.
type schema struct{ columns *cmfv1.ResultSchema }

// IsZero tells that there is none.
func (s schema) IsZero() bool { return s.columns == nil }

// MarshalJSON writes the schema as the contract has it.
func (s schema) MarshalJSON() ([]byte, error) {
	return protojson.MarshalOptions{EmitUnpopulated: false}.Marshal(s.columns)
}

type exception struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Message   string `json:"message"`
	Timestamp string `json:"timestamp"`
}

// text is the status as JSON.
func (s status) text() string {
	s.Exceptions = slices.Clip(s.Exceptions)
	text, err := json.Marshal(s)
	if err != nil {
		// Only the schema could fail, which is a message that was just made.
		return "{}"
	}
	return string(text)
}

// stamp writes a time; empty where there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
