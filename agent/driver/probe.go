package driver

import (
	"context"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// probeUntil probes the API server periodically until ctx ends.
func (d *Driver) probeUntil(ctx context.Context) {
	for {
		d.probe(ctx)
		timer := time.NewTimer(wait.Jitter(d.timing.Probe, jitter))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-d.probeNow:
			// Many requests may fail at once; one probe serves them all.
			timer.Reset(d.timing.Probe / 15)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
		}
	}
}

// requestProbe requests an early probe, since a failed request has shown that
// the last result may be out of date.
func (d *Driver) requestProbe() {
	select {
	case d.probeNow <- struct{}{}:
	default:
	}
}

// probe checks the health of the API server, its custom resource definitions
// and the configured namespaces.
func (d *Driver) probe(ctx context.Context) {
	version, err := d.cluster.version(ctx)
	if ctx.Err() != nil {
		return
	}
	if d.health.update(version, err) {
		if err != nil {
			d.log.Error("the API server is unavailable", "error", err)
		} else {
			d.log.Info("the API server is available again", "version", version)
		}
	}
	if err != nil {
		return
	}
	present, err := d.cluster.customKinds(ctx)
	if err != nil {
		d.log.Warn("failed to discover custom resource definitions", "error", err)
		return
	}
	d.setPresent(present)
	d.checkNamespaces(ctx)
}

// setPresent sets which custom kinds the cluster has. The control plane learns of
// a change by a new Hello: it does not send objects that the cluster cannot hold.
func (d *Driver) setPresent(present map[*kind]bool) {
	d.mu.Lock()
	if maps.Equal(d.present, present) {
		d.mu.Unlock()
		return
	}
	before := d.present
	d.present = present
	renew := d.session.kinds != nil && !maps.Equal(d.session.kinds, present)
	for k := range d.records {
		if of := kindOf(k); of != nil && before[of] != present[of] {
			d.retries.Forget(k)
			d.queue.Add(k)
		}
	}
	d.mu.Unlock()

	d.log.Info("custom resource definitions changed", "definitions", definitions(present))
	for _, of := range kinds {
		switch {
		case present[of] && !before[of]:
			for _, namespace := range d.namespaceScopes() {
				d.startWatch(of, namespace)
			}
		case before[of] && !present[of]:
			d.stopWatches(of)
		}
	}
	if len(present) > 0 {
		d.startEventWatches()
	}
	if renew {
		d.config.Reports.Renew("the cluster's custom resource definitions have changed")
	}
}

func (d *Driver) isPresent(of *kind) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.present[of]
}
