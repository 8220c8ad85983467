package operator

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/openweir/weir/flink"
)

// compare tells what the change between two specs asks for, and describes it.
func compare(from, to spec) (flink.Change, string) {
	before, after := from.fields(), to.fields()
	names := map[string]bool{}
	for name := range before {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	greatest := flink.ChangeNone
	var described []string
	for name := range names {
		if reflect.DeepEqual(before[name], after[name]) {
			continue
		}
		greatest = max(greatest, flink.ChangeOf(name, after[name], to.text("mode") == flink.Standalone))
		described = append(described, fmt.Sprintf("%s : %v -> %v", name, before[name], after[name]))
	}
	sort.Strings(described)
	return greatest, strings.Join(described, ", ")
}

// fields returns the leaves of a spec by their path; open parts of it, and
// lists, are leaves.
func (s spec) fields() map[string]any {
	leaves := map[string]any{}
	for name, value := range s {
		fields, isMap := value.(map[string]any)
		switch {
		case name == "flinkConfiguration":
			for option, value := range s.config() {
				leaves[flink.OptionField+option] = value
			}
		case isMap && (name == "job" || name == "jobManager" || name == "taskManager"):
			for field, value := range fields {
				if value != nil {
					leaves[name+"."+field] = value
				}
			}
		case value != nil:
			leaves[name] = value
		}
	}
	return leaves
}
