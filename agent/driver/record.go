package driver

// record is what the driver keeps of one object. Driver.mu guards it.
type record struct {
	desired  desired
	observed observed
}

// recordOf returns the record of an object and creates it if there is none. The
// caller holds d.mu.
func (d *Driver) recordOf(k key) *record {
	r := d.records[k]
	if r == nil {
		r = &record{}
		d.records[k] = r
	}
	return r
}
