package kv

// Writer receives the writes of an Overlay. Every Tx is one.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

// Overlay is a Tx whose writes stay in memory, above a Reader, until Apply
// repeats them on a Writer. Without Apply nothing is written. With it one command
// can be undone among many that share a transaction, and an engine can hold a
// transaction's writes until the commit.
//
// An Overlay is for one goroutine and valid as long as its Reader. Scan may be
// nested, and its function may read and write the same Overlay: a Scan sees the
// writes made before it began.
type Overlay struct {
	base   Reader
	writes *tree
	bytes  int
}

// NewOverlay returns an Overlay without writes above base.
func NewOverlay(base Reader) *Overlay {
	return &Overlay{base: base, writes: newTree()}
}

// Len returns how many keys the Overlay writes or deletes.
func (o *Overlay) Len() int { return o.writes.items.Len() }

// Size returns the bytes of the keys and values in the Overlay.
func (o *Overlay) Size() int { return o.bytes }

// Get returns the value written here, otherwise that of the Reader, with the
// Reader's error.
func (o *Overlay) Get(key []byte) ([]byte, bool, error) {
	it, ok := o.writes.get(key)
	switch {
	case !ok:
		return o.base.Get(key)
	case it.deleted:
		return nil, false, nil
	}
	return it.value(), true, nil
}

// Put keeps copies of key and value. It never fails.
func (o *Overlay) Put(key, value []byte) error {
	o.set(newItem(key, value))
	return nil
}

// Delete hides key, whether or not the Reader has it. It never fails.
func (o *Overlay) Delete(key []byte) error {
	it := newItem(key, nil)
	it.deleted = true
	o.set(it)
	return nil
}

func (o *Overlay) set(it item) {
	old, replaced := o.writes.set(it)
	o.bytes += len(it.bytes)
	if replaced {
		o.bytes -= len(old.bytes)
	}
}

// Apply repeats the writes on to, in ascending order of their keys. It stops at
// the first error of to and returns it. The Overlay keeps its writes.
func (o *Overlay) Apply(to Writer) (err error) {
	items, release := o.writes.pin()
	defer release()
	return applyItems(items, to)
}

// Take adds the writes of another Overlay, each in place of an earlier one of its key.
// The two share the bytes of keys and values.
func (o *Overlay) Take(from *Overlay) {
	items, release := from.writes.pin()
	defer release()
	items.Scan(func(it item) bool { o.set(it); return true })
}

// Layer returns the writes as they are now, in constant time.
func (o *Overlay) Layer() Layer { return Layer{items: o.writes.items.Copy(), bytes: o.bytes} }

// Scan merges the writes of the Overlay with the keys of the Reader. It returns
// the Reader's error.
func (o *Overlay) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	items, release := o.writes.pin()
	defer release()
	return scanOver(items, o.base, from, to, limit, fn)
}
