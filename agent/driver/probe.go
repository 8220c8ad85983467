package driver

import (
	"context"
	"maps"
	"slices"
	"time"
)

// probe asks the API server, again and again until ctx ends, how it is and what
// it has.
func (d *Driver) probe(ctx context.Context) {
	for {
		d.look(ctx)
		timer := time.NewTimer(jitter(d.timing.Probe))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-d.kick:
			// Many requests may fail at once; they need one answer.
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

// probeNow has the API server asked soon, since a request has shown that what
// is known of it may not hold.
func (d *Driver) probeNow() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}

func (d *Driver) look(ctx context.Context) {
	version, err := d.cluster.version(ctx)
	if ctx.Err() != nil {
		return
	}
	if d.health.note(version, err) {
		if err != nil {
			d.log.Error("the API server does not answer", "error", err)
		} else {
			d.log.Info("the API server answers again", "version", version)
		}
	}
	if err != nil {
		return
	}
	present, err := d.cluster.customKinds(ctx)
	if err != nil {
		d.log.Warn("could not look for custom resource definitions", "error", err)
		return
	}
	d.found(present)
	d.checkNamespaces(ctx)
}

// found follows what custom kinds there are. The control plane learns of a
// change by a new Hello: it does not send what the cluster could not hold.
func (d *Driver) found(present map[*kind]bool) {
	d.mu.Lock()
	if maps.Equal(d.present, present) {
		d.mu.Unlock()
		return
	}
	was := d.present
	d.present = present
	renew := d.told != nil && !maps.Equal(d.told, present)
	for k := range d.records {
		if of := kindOf(k); of != nil && was[of] != present[of] {
			d.retries.Forget(k)
			d.queue.Add(k)
		}
	}
	d.mu.Unlock()

	d.log.Info("custom resource definitions found", "definitions", definitions(present))
	for _, of := range kinds {
		switch {
		case present[of] && !was[of]:
			for _, namespace := range d.namespaceScopes() {
				d.startWatch(of, namespace)
			}
		case was[of] && !present[of]:
			d.stopWatches(of)
		}
	}
	if len(present) > 0 {
		d.startEvents()
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

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
