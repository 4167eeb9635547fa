package paysync

// window tracks numbered things in flight: sent in order, acknowledged in
// order, bounded in number and bytes. Its zero value has room for nothing.
type window struct {
	sent, acked uint64
	sizes       []int // of acked+1 .. sent
	bytes       int
	most        int
	mostBytes   int
}

// start begins with things up to n settled and none in flight.
func (w *window) start(n uint64, most, mostBytes int) {
	*w = window{sent: n, acked: n, most: most, mostBytes: mostBytes}
}

// room returns how many more may be sent.
func (w *window) room() int {
	if w.bytes >= w.mostBytes {
		return 0
	}
	return w.most - len(w.sizes)
}

// fits reports whether a thing of that size may be sent. Alone in the window, any
// size may.
func (w *window) fits(size int) bool {
	return w.room() > 0 && (len(w.sizes) == 0 || w.bytes+size <= w.mostBytes)
}

func (w *window) send(size int) {
	w.sent++
	w.sizes = append(w.sizes, size)
	w.bytes += size
}

// ack settles everything up to n. It reports whether n is at least what was
// acknowledged before and at most what was sent.
func (w *window) ack(n uint64) bool {
	if n < w.acked || n > w.sent {
		return false
	}
	done := int(n - w.acked)
	for _, size := range w.sizes[:done] {
		w.bytes -= size
	}
	w.sizes = append(w.sizes[:0], w.sizes[done:]...)
	w.acked = n
	return true
}
