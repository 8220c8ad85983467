package store

import "sync"

const (
	// maxDecoded bounds the values that are kept decoded, by their bytes in protocol
	// buffers. What they and what is derived from them take in memory is a multiple.
	maxDecoded = 8 << 20
	// minDecoded is what a value counts at least, as an empty one takes memory too.
	minDecoded = 64
)

// decodedValues are the objects whose values are kept decoded. Beyond the limit
// those go that were decoded first, whether or not they are asked for: who asks
// for one again has it decoded once more.
type decodedValues struct {
	mu    sync.Mutex
	queue []decodedObject // a ring: count of them from first on
	first int
	count int
	bytes int
}

type decodedObject struct {
	object interface{ dropDecoded() }
	bytes  int
}

func (d *decodedValues) add(object interface{ dropDecoded() }, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count == len(d.queue) {
		d.grow()
	}
	bytes = max(bytes, minDecoded)
	d.queue[(d.first+d.count)%len(d.queue)] = decodedObject{object, bytes}
	d.count++
	d.bytes += bytes
	for d.bytes > maxDecoded && d.count > 1 {
		oldest := &d.queue[d.first]
		oldest.object.dropDecoded()
		d.bytes -= oldest.bytes
		*oldest = decodedObject{}
		d.first = (d.first + 1) % len(d.queue)
		d.count--
	}
}

// grow doubles the ring, which minDecoded bounds.
func (d *decodedValues) grow() {
	larger := make([]decodedObject, max(64, 2*len(d.queue)))
	for i := range d.count {
		larger[i] = d.queue[(d.first+i)%len(d.queue)]
	}
	d.queue, d.first = larger, 0
}
