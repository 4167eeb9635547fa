package paysync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// node is a Journal that works, in memory.
type node struct {
	key pay.Key

	mu      sync.Mutex
	entries []pay.Fact
	head    pay.Head
	items   []pay.Item
	inc     pay.Incarnation
	acked   uint64
	made    uint64 // claims so far
	salt    byte   // makes the claims of two copies differ
	taken   int    // items that were taken up
	old     *pay.OldCopy

	unchained bool
	refused   map[uint64]pay.Reason
	changed   chan struct{}
	opened    int
	isOpen    bool
	failWith  error
	noted     chan struct{} // closed and renewed whenever anything changes
}

func newNode(seed byte) *node {
	return &node{key: testKey(seed), inc: pay.Incarnation{seed}, refused: map[uint64]pay.Reason{}, changed: make(chan struct{}, 1), noted: make(chan struct{})}
}

// publish appends count items to the outbox.
func (n *node) publish(count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range count {
		number := uint64(len(n.items) + 1)
		var payment pay.PaymentID
		n.made++
		payment[0], payment[1], payment[2], payment[3] = byte(n.made), byte(n.made>>8), n.key.ID()[0], n.salt
		n.items = append(n.items, pay.Item{N: number, Facts: []pay.Fact{sign(n.key, pay.Cancel{Payment: payment, Created: pay.Time(n.made)})}})
	}
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

func (n *node) note() {
	close(n.noted)
	n.noted = make(chan struct{})
}

func (n *node) Position(context.Context) (pay.Position, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.position(), nil
}

func (n *node) position() pay.Position {
	return pay.Position{
		Head: n.head, Incarnation: n.inc, Acked: n.acked, Last: uint64(len(n.items)),
		Chain: n.chainAt(n.acked), Chained: !n.unchained, Old: n.old != nil,
	}
}

// chainAt returns the chain of the outbox after item upTo.
func (n *node) chainAt(upTo uint64) (c pay.Chain) {
	for _, item := range n.items[:upTo] {
		c = c.Follow(idsOf(item.Facts))
	}
	return c
}

func idsOf(facts []pay.Fact) (ids []pay.FactID) {
	for _, f := range facts {
		ids = append(ids, f.ID())
	}
	return ids
}

func (n *node) OutboxChain(_ context.Context, at uint64) (pay.Chain, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at < n.acked || at > uint64(len(n.items)) || n.unchained {
		return pay.Chain{}, false, nil
	}
	return n.chainAt(at), true, nil
}

func (n *node) SetChain(_ context.Context, at uint64, chain pay.Chain, known bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if at != n.acked {
		return nil
	}
	if known && chain != n.chainAt(at) {
		return fmt.Errorf("another chain at item %d", at)
	}
	n.unchained = !known
	return nil
}

func (n *node) NoteOldCopy(_ context.Context, found *pay.OldCopy) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.old = found
	return nil
}

func (n *node) TakeUp(_ context.Context, after uint64, items []pay.Recalled) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if after != n.acked {
		return fmt.Errorf("take up behind %d with %d acknowledged", after, n.acked)
	}
	for _, it := range items {
		rest := n.items[n.acked:]
		if len(rest) == 0 || !slices.Equal(idsOf(rest[0].Facts), it.IDs) {
			n.items = slices.Insert(n.items, int(n.acked), pay.Item{Facts: it.Facts})
			n.taken++
		}
		n.acked++
	}
	for i := range n.items {
		n.items[i].N = uint64(i) + 1
	}
	return nil
}

func (n *node) Renewed(_ context.Context, inc pay.Incarnation) (pay.Position, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.inc, n.old = inc, nil
	return n.position(), nil
}

func (n *node) UrgentClaims(context.Context) (facts []pay.Fact, last pay.Fact, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, item := range n.items[n.acked:] {
		for _, f := range item.Facts {
			if f.Kind().Urgent() {
				facts = append(facts, f)
			}
		}
	}
	if len(n.entries) > 0 {
		last = n.entries[len(n.entries)-1]
	}
	return facts, last, nil
}

// copied returns a copy of the node as it is, for another process.
func (n *node) copied() *node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return &node{
		key: n.key, entries: slices.Clone(n.entries), head: n.head, items: slices.Clone(n.items), inc: n.inc, acked: n.acked,
		unchained: n.unchained, old: n.old, made: n.made, salt: n.salt,
		refused: map[uint64]pay.Reason{}, changed: make(chan struct{}, 1), noted: make(chan struct{}),
	}
}

func (n *node) Outbox(_ context.Context, after uint64, limit int) ([]pay.Item, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	rest := n.items[min(after, uint64(len(n.items))):]
	return slices.Clone(rest[:min(limit, len(rest))]), nil
}

func (n *node) Mirror(ctx context.Context, from pay.Cursor, facts []pay.Fact, ack pay.Acked) (pay.Head, error) {
	if ack.N > 0 {
		if err := n.Acked(ctx, ack); err != nil {
			return pay.Head{}, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failWith != nil {
		return pay.Head{}, n.failWith
	}
	if from.Seq > n.head.Cursor.Seq {
		return pay.Head{}, errors.New("mirror: a gap")
	}
	for i, f := range facts {
		if from.Seq+uint64(i) < n.head.Cursor.Seq {
			continue
		}
		n.entries = append(n.entries, f)
		n.head.Cursor.Epoch = from.Epoch
		n.head = nextHead(n.head, f)
	}
	n.note()
	return n.head, nil
}

func (n *node) Acked(_ context.Context, ack pay.Acked) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	inc, upTo, refused := ack.Incarnation, ack.N, ack.Refused
	if inc != n.inc || upTo > uint64(len(n.items)) || upTo < n.acked {
		return fmt.Errorf("acknowledged %d of %v, have %d to %d of %v", upTo, inc, n.acked, len(n.items), n.inc)
	}
	n.acked = upTo
	for k, v := range refused {
		n.refused[k] = v
	}
	n.note()
	return nil
}

func (n *node) SessionOpened(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opened++
	n.isOpen = true
	return nil
}

func (n *node) SessionClosed() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.isOpen = false
}

func (n *node) Changed() <-chan struct{} { return n.changed }

var (
	_ paysync.Hub     = (*registry)(nil)
	_ paysync.Journal = (*node)(nil)
)

// inStep returns in what node and registry do not agree, or nil.
func inStep(n *node, r *registry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	n.mu.Lock()
	defer n.mu.Unlock()
	var want []pay.FactID
	for _, item := range n.items {
		for _, f := range item.Facts {
			want = append(want, f.ID())
		}
	}
	if got := r.facts[n.key.ID()]; !slices.Equal(got, want) {
		return fmt.Errorf("registry applied %d facts, the node published %d, or in another order", len(got), len(want))
	}
	if n.acked != uint64(len(n.items)) {
		return fmt.Errorf("%d of %d items acknowledged", n.acked, len(n.items))
	}
	if want := r.head(testScope); n.head != want {
		return fmt.Errorf("node stands at entry %d, the registry at %d", n.head.Cursor.Seq, want.Cursor.Seq)
	}
	return nil
}
