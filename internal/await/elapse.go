package await

import (
	"testing/synctest"
	"time"
)

// Elapse lets time pass in a bubble of testing/synctest, whose clock moves when
// everything in it waits. It panics outside of a bubble, where it would be a sleep.
func Elapse(d time.Duration) {
	synctest.Wait()
	time.Sleep(d) //nolint:forbidigo // by the clock of the bubble
}
