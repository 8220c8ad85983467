package tunnel

import (
	"context"
	"sync"
)

// maxWindow bounds the window of one body, in bytes, whatever the control plane
// grants.
const maxWindow = 1 << 20

// window is the number of bytes of a body that may still be sent.
type window struct {
	mu    sync.Mutex
	bytes int64
	more  chan struct{} // holds a token after a grant
}

func newWindow(bytes int64) *window {
	return &window{bytes: min(bytes, maxWindow), more: make(chan struct{}, 1)}
}

// grant adds to the window.
func (w *window) grant(bytes int64) {
	if bytes <= 0 {
		return
	}
	w.mu.Lock()
	w.bytes = min(w.bytes+min(bytes, maxWindow), maxWindow)
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// take waits until at least one byte may be sent, and takes up to limit bytes.
func (w *window) take(ctx context.Context, limit int64) (int64, error) {
	for {
		w.mu.Lock()
		taken := min(w.bytes, limit)
		w.bytes -= taken
		w.mu.Unlock()
		if taken > 0 {
			return taken, nil
		}
		select {
		case <-w.more:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}
