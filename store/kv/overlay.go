package kv

// Writer receives the writes of a Layer. Every Tx is one.
type Writer interface {
	Put(key, value []byte) error
	Delete(key []byte) error
}

// Overlay is a Tx whose writes stay in memory, above a Reader, until Apply
// repeats them on a Writer. Without Apply nothing is written. With it one command
// can be undone among many that share a transaction, and an engine can hold a
// transaction's writes until the commit.
//
// An Overlay is valid as long as its Reader, and for one goroutine, unless it was never
// written to: then it is as safe for concurrent use as its Reader. Scan may be
// nested, and its function may read and write the same Overlay: a Scan sees the
// writes made before it began.
type Overlay struct {
	Layer // the writes
	base  Reader
	// pinned means that somebody walks over the writes or keeps them: the next one
	// goes into a copy.
	pinned bool
	ended  bool
}

// NewOverlay returns an Overlay without writes above base.
func NewOverlay(base Reader) *Overlay { return &Overlay{base: base} }

// End has all further calls fail with ErrEnded.
func (o *Overlay) End() { o.ended = true }

// Get returns the value written here, otherwise that of the Reader, with the
// Reader's error. It fails with ErrEnded after End.
func (o *Overlay) Get(key []byte) ([]byte, bool, error) {
	if o.ended {
		return nil, false, ErrEnded
	}
	if o.items != nil {
		it, ok := o.items.Get(at(key))
		switch {
		case ok && it.deleted:
			return nil, false, nil
		case ok:
			return it.value(), true, nil
		}
	}
	return o.base.Get(key)
}

// Scan merges the writes of the Overlay with the keys of the Reader. It returns
// the Reader's error. It fails with ErrEnded after End.
func (o *Overlay) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if o.ended {
		return ErrEnded
	}
	if o.items != nil && !o.pinned { // or another walk has, or the writes never change
		o.pinned = true
		defer func() { o.pinned = false }()
	}
	return o.scan(o.base, from, to, limit, fn)
}

// Put keeps copies of key and value. It fails only with ErrEnded, after End.
func (o *Overlay) Put(key, value []byte) error { return o.set(newItem(key, value)) }

// Delete hides key, whether or not the Reader has it. It fails only with ErrEnded,
// after End.
func (o *Overlay) Delete(key []byte) error {
	it := newItem(key, nil)
	it.deleted = true
	return o.set(it)
}

func (o *Overlay) set(it item) error {
	switch {
	case o.ended:
		return ErrEnded
	case o.items == nil:
		o.items = newItems()
	case o.pinned:
		o.items = o.items.Copy()
	}
	o.pinned = false
	old, _ := o.items.Set(it)
	if o.bytes += len(it.bytes) - len(old.bytes); it.deleted && o.base == Reader(nothing{}) {
		o.items.Delete(it)
		o.bytes -= len(it.bytes)
	}
	return nil
}

// Take adds the writes of another Overlay, each in place of an earlier one of its key.
// The two share the bytes of keys and values.
func (o *Overlay) Take(from *Overlay) {
	if from.items != nil {
		from.items.Scan(func(it item) bool { return o.set(it) == nil })
	}
}

// Writes returns the writes as they are now, in constant time.
func (o *Overlay) Writes() Layer {
	if o.items == nil {
		return Layer{}
	}
	return Layer{items: o.items.Copy(), bytes: o.bytes}
}

// nothing is a Reader without keys. An Overlay above it has nothing to hide.
type nothing struct{}

// Get finds nothing.
func (nothing) Get([]byte) ([]byte, bool, error) { return nil, false, nil }

// Scan finds nothing.
func (nothing) Scan([]byte, []byte, int, func(key, value []byte) bool) error { return nil }
