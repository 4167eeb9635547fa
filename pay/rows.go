package pay

// Rows is the part of a store's transaction that a role works on: its own rows,
// in a key space that no other part of the program writes, and the facts that
// are already stored. Keys and values are copied by the store.
type Rows interface {
	// Get returns a copy of the row at key, and whether there is one.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan calls fn for each row in [from, to) in byte order, at most limit
	// times (limit <= 0: no limit), until fn returns false. A nil to means the
	// end of the role's rows. fn must not keep key or value.
	Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error
	// Fact returns a stored fact.
	Fact(id FactID) (Fact, bool, error)
	// SetAside reports whether a deadline of the subject failed and waits to be
	// tried again. Claims on such a subject are refused with ReasonSetAside.
	SetAside(subject Subject) (bool, error)
}

// WritableRows is Rows inside a transaction.
type WritableRows interface {
	Rows
	// Put stores a row.
	Put(key, value []byte) error
	// Delete removes a row. Nothing may depend on a row being gone.
	Delete(key []byte) error
	// Wake asks for a DeadlineReached on subject once at has come, after a
	// restart too. Each call creates one deadline; it fires once.
	Wake(at Time, subject Subject) error
}
