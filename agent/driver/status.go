package driver

import (
	"encoding/json"
	"reflect"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	agentv1 "github.com/openweir/weir/gen/cmf/agent/v1"
)

// reportable reports whether a StatusReport shows the change of an object.
func reportable(before, after *unstructured.Unstructured) bool {
	old, _ := marksOf(before)
	current, _ := marksOf(after)
	return old.owner != current.owner || old.generation != current.generation ||
		before.GetUID() != after.GetUID() ||
		before.GetGeneration() != after.GetGeneration() ||
		(before.GetDeletionTimestamp() == nil) != (after.GetDeletionTimestamp() == nil) ||
		!reflect.DeepEqual(before.Object["status"], after.Object["status"])
}

// concerns reports whether the driver may report on an object with the marks.
func (d *Driver) concerns(m marks) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.session.mode == active && !m.isForeign(d.session.installation)
}

// reportStatus reports the status of an object that has the agent's marks.
func (d *Driver) reportStatus(o *unstructured.Unstructured) {
	m, marked := marksOf(o)
	if !marked || !d.concerns(m) {
		return
	}
	status := []byte("{}")
	if content, ok := o.Object["status"].(map[string]any); ok {
		text, err := json.Marshal(content)
		if err != nil {
			d.log.Error("failed to encode a status", "object", keyOfObject(o).String(), "error", err)
			return
		}
		status = text
	}
	d.config.Reports.Status(&agentv1.StatusReport{
		Ref:              keyOfObject(o).ref(),
		OwnerUid:         m.owner,
		Generation:       m.generation,
		ObjectGeneration: o.GetGeneration(),
		ObjectUid:        string(o.GetUID()),
		Status:           string(status),
		Deleting:         o.GetDeletionTimestamp() != nil,
	})
}

// reportAllStatus reports the status of every watched object.
func (d *Driver) reportAllStatus() {
	d.mu.Lock()
	watches := make([]*objectWatch, 0, len(d.watches))
	for _, w := range d.watches {
		watches = append(watches, w)
	}
	d.mu.Unlock()
	for _, w := range watches {
		for _, o := range w.informer.GetStore().List() {
			d.reportStatus(object(o))
		}
	}
}
