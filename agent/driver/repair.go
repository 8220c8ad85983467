package driver

import "time"

// repairPacer limits how often the drift of one object is repaired while
// another client keeps changing the object.
type repairPacer struct {
	repairs int
	last    time.Time
}

// delay returns the time until the next repair is allowed. The count starts
// over after RepairWindow without a repair.
func (p *repairPacer) delay(now time.Time, t Timing) time.Duration {
	if p.repairs > 0 && now.Sub(p.last) > t.RepairWindow {
		p.repairs = 0
	}
	if p.repairs == 0 {
		return 0
	}
	return p.last.Add(p.interval(t)).Sub(now)
}

// interval is the minimum time between the last repair and the next one.
func (p *repairPacer) interval(t Timing) time.Duration {
	interval := t.RepairInterval
	for range p.repairs - 1 {
		if interval >= t.RepairWindow/4 {
			return t.RepairWindow / 2
		}
		interval *= 2
	}
	return interval
}

func (p *repairPacer) repaired(now time.Time) {
	p.repairs++
	p.last = now
}

// repairDelay is the time until the object may be repaired again.
func (d *Driver) repairDelay(k key) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.records[k]; r != nil {
		return r.observed.repairs.delay(time.Now(), d.timing)
	}
	return 0
}
