package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/openweir/weir/flink"
)

// spec is the spec of a FlinkDeployment or a FlinkSessionJob, as the user
// wrote it but for the defaults of the job.
type spec map[string]any

// newSpec returns a copy of an object's spec with the operator's defaults.
func newSpec(object map[string]any) spec {
	raw, _ := object["spec"].(map[string]any)
	s := spec(runtime.DeepCopyJSON(raw))
	if s == nil {
		s = spec{}
	}
	if job := s.job(); job != nil {
		for name, value := range map[string]any{"state": flink.Running, "upgradeMode": flink.UpgradeStateless} {
			if _, ok := job[name]; !ok {
				job[name] = value
			}
		}
	}
	return s
}

// at returns what is at a path, or nil.
func (s spec) at(path ...string) any {
	var value any = map[string]any(s)
	for _, name := range path {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = fields[name]
	}
	return value
}

func (s spec) text(path ...string) string {
	text, _ := s.at(path...).(string)
	return text
}

// number returns the integer at a path, and whether there is one.
func (s spec) number(path ...string) (int64, bool) {
	switch value := s.at(path...).(type) {
	case int64:
		return value, true
	case float64:
		return int64(value), true
	}
	return 0, false
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

// config returns spec.flinkConfiguration flat: nested maps joined by dots,
// lists by semicolons.
func (s spec) config() map[string]string {
	flat := map[string]string{}
	flatten(flat, "", s["flinkConfiguration"])
	return flat
}

func flatten(flat map[string]string, prefix string, value any) {
	switch value := value.(type) {
	case nil:
	case map[string]any:
		for name, part := range value {
			flatten(flat, strings.TrimPrefix(prefix+"."+name, "."), part)
		}
	case []any:
		parts := make([]string, len(value))
		for i, part := range value {
			parts[i] = fmt.Sprint(part)
		}
		flat[prefix] = strings.Join(parts, ";")
	default:
		flat[prefix] = fmt.Sprint(value)
	}
}

// firstOf returns the first of several options that is set.
func firstOf(config map[string]string, names ...string) string {
	for _, name := range names {
		if config[name] != "" {
			return config[name]
		}
	}
	return ""
}

// highlyAvailable tells whether the JobManager keeps what a last-state upgrade
// restores from.
func (s spec) highlyAvailable() bool {
	kind := firstOf(s.config(), "high-availability.type", "high-availability")
	return kind != "" && !strings.EqualFold(kind, "none")
}

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
func readRecorded(text string) spec {
	var recorded struct {
		Spec map[string]any `json:"spec"`
	}
	if text == "" || kjson.Unmarshal([]byte(text), &recorded) != nil {
		return nil
	}
	return recorded.Spec
}
