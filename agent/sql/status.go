package sql

import (
	"encoding/json"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	cmfv1 "github.com/openweir/weir/gen/cmf/v1"
)

// status is the reported status of a statement, in the format of a
// FlinkSessionJob.
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

// traits are what the planner shows of a statement. Unknown traits are absent.
type traits struct {
	IsBounded     *bool   `json:"isBounded,omitempty"`
	IsAppendOnly  *bool   `json:"isAppendOnly,omitempty"`
	UpsertColumns []int32 `json:"upsertColumns,omitempty"`
	Schema        schema  `json:"schema,omitzero"`
}

// schema embeds a protobuf message in encoding/json.
type schema struct{ columns *cmfv1.ResultSchema }

// IsZero reports whether there is none.
func (s schema) IsZero() bool { return s.columns == nil }

// MarshalJSON encodes the schema in the format of the REST API.
func (s schema) MarshalJSON() ([]byte, error) {
	return protojson.MarshalOptions{EmitUnpopulated: false}.Marshal(s.columns)
}

type exception struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Message   string `json:"message"`
	Timestamp string `json:"timestamp"`
}

// text returns the status as JSON.
func (s status) text() string {
	s.Exceptions = slices.Clip(s.Exceptions)
	text, err := json.Marshal(s)
	if err != nil {
		// Only the schema could fail, which was built by this process.
		return "{}"
	}
	return string(text)
}

// stamp formats a time; empty if it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
