package pay

// OutboxHead is how far the registry has applied a node's outbox: the incarnation
// that may push, the number of the last item and the chain after it.
type OutboxHead struct {
	Incarnation Incarnation
	N           uint64
	Chain       Chain
}

// Follow returns the chain after an outbox item that holds these facts, in order.
func (c Chain) Follow(facts []FactID) Chain {
	for _, id := range facts {
		c = c.Next(id)
	}
	return c
}

// KeptItem is an applied outbox item as the registry keeps it: for each fact its
// id, and its bytes unless it was refused without being kept.
type KeptItem struct {
	IDs  []FactID
	Raws [][]byte // as many as IDs; nil for one that was not kept
}

// Recalled is an applied outbox item as its author gets it back: the ids of its
// facts, and those facts that the registry kept, whose signatures are verified.
type Recalled struct {
	IDs   []FactID
	Facts []Fact
}

// OldCopy is what a node has found out about its own data directory: that it is
// an older copy of what it was, or one of two that are in use.
type OldCopy struct {
	Since Time
	Why   string // a sentence for a person
	Hint  string // what to do
}

// PutBack is what a node holds of the registry that the registry itself does not:
// the registry's data directory is an older copy of what it was.
type PutBack struct {
	Since  Time   `cbor:"1,keyasint"`           // when the node said so first
	Seq    uint64 `cbor:"2,keyasint"`           // entries of its feed that the node holds
	Head   uint64 `cbor:"3,keyasint"`           // and that the registry had then
	Acked  uint64 `cbor:"4,keyasint"`           // items that the registry had acknowledged to the node
	Number uint64 `cbor:"5,keyasint"`           // and that it had applied then
	Forked bool   `cbor:"6,keyasint,omitempty"` // the registry has other entries instead
	// Proven means that the node showed an entry that this registry has signed and
	// does not hold. Without it there is only the node's word.
	Proven bool `cbor:"7,keyasint,omitempty"`
}
