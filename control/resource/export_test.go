package resource

import "time"

// AtMostEvery is atMostEvery for tests outside of the package.
func AtMostEvery(interval time.Duration, measure func() int) func() int {
	return atMostEvery(interval, measure)
}
