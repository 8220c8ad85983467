package driver

import (
	"hash/fnv"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/openweir/weir/flink"
)

// The operator keeps the status of an object in memory and writes it several times
// in a row, each time for the version of the object that it wrote last. If another
// client writes the object in between, the operator drops what it was about to store
// and continues with the status before: it forgets that it has stopped a job with a
// savepoint, and the job starts from an older state. Therefore the driver writes an
// object of the operator only after its status has not changed for a while.

// settling tells when the status of an object last changed, and since when a write
// has been waiting for that.
type settling struct {
	digest  uint64    // of the status last seen
	changed time.Time // zero if none was seen
	waiting time.Time // zero if no write waits
}

// note records the status of an object as of now.
func (s *settling) note(o *unstructured.Unstructured, now time.Time) {
	digest := statusDigest(o)
	if s.changed.IsZero() || s.digest != digest {
		s.digest, s.changed = digest, now
	}
}

// delay returns the time until the object may be written: once its status has not
// changed for Settle and the operator has stored what the write depends on, and after
// SettleMax in any case.
func (s *settling) delay(now time.Time, stored bool, t Timing) time.Duration {
	if s.waiting.IsZero() {
		s.waiting = now
	}
	wait := s.changed.Add(t.Settle).Sub(now)
	if wait <= 0 && !stored {
		wait = t.Settle // a change of the status ends the wait early
	}
	return max(0, min(wait, s.waiting.Add(t.SettleMax).Sub(now)))
}

// end records that no write waits any more. A write that has failed because the object
// had changed in between still does.
func (s *settling) end() { s.waiting = time.Time{} }

func statusDigest(o *unstructured.Unstructured) uint64 {
	status, _ := o.Object["status"].(map[string]any)
	h := fnv.New64a()
	_, _ = h.Write([]byte(canonical(status)))
	return h.Sum64()
}

// noteStatus records the status of an object that its watch has seen.
func (d *Driver) noteStatus(k key, o *unstructured.Unstructured) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.records[k]; r != nil {
		r.observed.settling.note(o, time.Now())
	}
}

// settleDelay is the time until the manifest may be written to an object. A nil
// manifest stands for a write of the metadata only.
func (d *Driver) settleDelay(t task, manifest, live *unstructured.Unstructured) time.Duration {
	if !t.kind.custom {
		return 0 // no operator writes its status
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.records[t.key]
	if r == nil {
		return 0
	}
	now := time.Now()
	r.observed.settling.note(live, now)
	return r.observed.settling.delay(now, manifest == nil || !resumesEarly(manifest, live), d.timing)
}

// endSettling ends the wait of an object whose write has failed.
func (d *Driver) endSettling(k key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.records[k]; r != nil {
		r.observed.settling.end()
	}
}

// resumesEarly reports whether a manifest starts a job again that the operator has
// not recorded as suspended yet. A job that the operator has never started has
// nothing to lose.
func resumesEarly(manifest, live *unstructured.Unstructured) bool {
	if jobState(live) != flink.Suspended || jobState(manifest) == flink.Suspended {
		return false
	}
	recorded, _, _ := unstructured.NestedString(live.Object, "status", "reconciliationStatus", "lastReconciledSpec")
	if recorded == "" {
		return false
	}
	lifecycle, _, _ := unstructured.NestedString(live.Object, "status", "lifecycleState")
	observed, _, _ := unstructured.NestedInt64(live.Object, "status", "observedGeneration")
	return lifecycle != flink.LifecycleSuspended || observed < live.GetGeneration()
}

// jobState is spec.job.state of an object.
func jobState(o *unstructured.Unstructured) string {
	state, _, _ := unstructured.NestedString(o.Object, "spec", "job", "state")
	return state
}
