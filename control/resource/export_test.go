package resource

import (
	"time"

	"github.com/openweir/weir/control/store"
)

// AtMostEvery is atMostEvery for tests outside of the package.
func AtMostEvery(interval time.Duration, measure func() int) func() int {
	return atMostEvery(interval, measure)
}

// CountAll counts the resources for metrics and returns how many kinds and states
// there are.
func CountAll(at store.Reader, registry *Registry, ownership *Ownership) int {
	return len(count(at, registry, ownership).resources)
}
