package await

import "time"

// Elapse lets time pass in a bubble of testing/synctest, whose clock moves when
// everything in it waits. It is for nothing else: by any other clock, a sleep is too
// short or too long.
func Elapse(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // by the clock of the bubble
}
