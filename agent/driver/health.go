package driver

import (
	"sync"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// health is how the API server did when it was last asked.
type health struct {
	mu      sync.Mutex
	version string
	failure string
}

// note keeps the answer to a question for the version, and says whether the
// API server has become well or unwell by it.
func (h *health) note(version string, err error) (turned bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.failure
	if h.failure = ""; err != nil {
		h.failure = err.Error()
	} else {
		h.version = version
	}
	return (was == "") != (h.failure == "")
}

func (h *health) heartbeat() *agentv1.Heartbeat {
	h.mu.Lock()
	defer h.mu.Unlock()
	return &agentv1.Heartbeat{KubernetesVersion: h.version, KubernetesError: h.failure}
}
