// Package recovery makes panics errors, so that a fault in the processing of one
// object or request harms no other.
package recovery

import (
	"fmt"
	"runtime/debug"
)

// ToError makes a panic the error of the function that defers the call, together with
// the stack.
func ToError(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}
