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
	before, after := flink.Fields(from), flink.Fields(to)
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
