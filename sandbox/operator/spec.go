package operator

import (
	"encoding/json"
	"maps"

	"github.com/openweir/weir/flink"
	"github.com/openweir/weir/openjson"
)

// spec is the spec of a FlinkDeployment or a FlinkSessionJob, as the user
// wrote it but for the defaults of the job.
type spec map[string]any

// newSpec returns a copy of an object's spec with the operator's defaults.
func newSpec(object map[string]any) spec {
	// What came out of JSON goes back into it.
	s, _ := openjson.ParseText(openjson.Encode(openjson.Field(object, "spec")))
	if s == nil {
		s = spec{}
	}
	if job, _ := s["job"].(map[string]any); job != nil {
		for name, value := range map[string]any{"state": flink.Running, "upgradeMode": flink.UpgradeStateless} {
			if _, ok := job[name]; !ok {
				job[name] = value
			}
		}
	}
	return s
}

// at returns what is at a path, or nil.
func (s spec) at(path ...string) any { return openjson.Field(s, path...) }

func (s spec) text(path ...string) string { return openjson.String(s, path...) }

// number returns the integer at a path, and whether there is one.
func (s spec) number(path ...string) (int64, bool) {
	number, _ := s.at(path...).(json.Number)
	n, err := number.Int64()
	return n, err == nil
}

// job returns the job; nil makes a deployment a session cluster.
func (s spec) job() map[string]any {
	job, _ := s["job"].(map[string]any)
	return job
}

func (s spec) suspended() bool { return s.text("job", "state") == flink.Suspended }

func (s spec) upgradeMode() string { return s.text("job", "upgradeMode") }

// with returns a copy of the spec with a field of the job changed; a session
// cluster's spec is returned as it is.
func (s spec) with(field string, value any) spec {
	if s.job() == nil {
		return s
	}
	changed := maps.Clone(s)
	job := maps.Clone(s.job())
	job[field] = value
	changed["job"] = job
	return changed
}

// config returns the options of spec.flinkConfiguration.
func (s spec) config() map[string]string { return flink.Options(s) }

// over returns the spec with options under its own.
func (s spec) over(options map[string]string) spec {
	maps.Copy(options, s.config())
	configuration := openjson.Object{}
	for name, value := range options {
		configuration[name] = value
	}
	merged := openjson.Merge(s, nil)
	merged[flink.FieldConfiguration] = configuration
	return merged
}

// highlyAvailable tells whether the JobManager keeps what a last-state upgrade
// restores from.
func (s spec) highlyAvailable() bool { return flink.HighlyAvailable(s.config()) }

// recordedSpec is the form in which the operator writes specs into the status.
type recordedSpec struct {
	Spec     spec             `json:"spec"`
	Metadata recordedMetadata `json:"resource_metadata"`
}

type recordedMetadata struct {
	APIVersion string `json:"apiVersion"`
	Metadata   struct {
		Generation int64 `json:"generation"`
	} `json:"metadata"`
	FirstDeployment bool `json:"firstDeployment"`
}

// record returns the spec in the form that the status has it in.
func (s spec) record(generation int64, first bool) string {
	recorded := recordedSpec{Spec: s, Metadata: recordedMetadata{APIVersion: flink.APIVersion, FirstDeployment: first}}
	recorded.Metadata.Metadata.Generation = generation
	// What came out of JSON goes back into it.
	data, _ := json.Marshal(recorded)
	return string(data)
}

// readRecorded returns a spec out of the status; nil where there is none.
func readRecorded(text string) spec { return flink.RecordedSpec(text) }
