package driver

import (
	"sync"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// health is the result of the last health check of the API server.
type health struct {
	mu      sync.Mutex
	version string
	failure string
}

// update records the result of a request for the version, and reports whether
// the API server has become healthy or unhealthy.
func (h *health) update(version string, err error) (changed bool) {
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
