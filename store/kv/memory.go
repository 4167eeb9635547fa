package kv

import (
	"context"
	"sync/atomic"
)

// Memory is an Engine that keeps its data in memory: for tests, simulations and
// nodes whose data need not outlive the process. "Durable" means for as long as
// the Memory exists.
//
// A transaction works on a copy-on-write copy of the tree and publishes it when
// its function succeeds. So a View costs one atomic load, never waits, and never
// delays another transaction. An empty key is a key. Keys, values and
// transactions are limited by memory only.
type Memory struct {
	gate *Gate
	base *tree // used only by the admitted writer

	// published is the state that new Views read. It is never changed: it is a
	// copy of base, not base itself.
	published atomic.Pointer[items]
}

// NewMemory returns an empty engine.
func NewMemory() *Memory {
	m := &Memory{gate: NewGate(), base: newTree()}
	m.published.Store(m.base.items.Copy())
	return m
}

// View runs fn on the state after the last Update that has returned. It returns
// the error of fn unchanged, ErrClosed, or the error of ctx.
func (m *Memory) View(ctx context.Context, fn func(Reader) error) error {
	leave, err := m.gate.Read(ctx)
	if err != nil {
		return err
	}
	defer leave()
	r := &memoryReader{tree: &tree{items: m.published.Load()}}
	defer r.end()
	return fn(r)
}

// Update runs fn exactly once, with no other Update at the same time. It returns
// the error of fn unchanged, ErrClosed, or the error of ctx.
func (m *Memory) Update(ctx context.Context, fn func(Tx) error) error {
	leave, err := m.gate.Write(ctx)
	if err != nil {
		return err
	}
	defer leave()
	work := m.base.fork()
	tx := &memoryTx{memoryReader{tree: work}}
	defer tx.end()
	if err := fn(tx); err != nil {
		return err
	}
	m.base = work
	m.published.Store(work.items.Copy())
	return nil
}

// Close waits for running transactions. It always returns nil.
func (m *Memory) Close() error {
	m.gate.Close()
	return nil
}

type memoryReader struct {
	tree  *tree
	ended bool
}

func (r *memoryReader) end() { r.ended = true }

// Get returns what the tree holds. It fails with ErrEnded only.
func (r *memoryReader) Get(key []byte) ([]byte, bool, error) {
	if r.ended {
		return nil, false, ErrEnded
	}
	it, ok := r.tree.get(key)
	if !ok {
		return nil, false, nil
	}
	return it.value(), true, nil
}

// Scan walks over the tree as it is now, even if fn changes it. It fails with
// ErrEnded only.
func (r *memoryReader) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	if r.ended {
		return ErrEnded
	}
	items, release := r.tree.pin()
	defer release()
	n := 0
	items.Ascend(at(from), func(it item) bool {
		if !before(it.key(), to) {
			return false
		}
		n++
		return fn(it.key(), it.value()) && n != limit
	})
	return nil
}

type memoryTx struct{ memoryReader }

// Put changes the transaction's own copy of the tree. It fails with ErrEnded only.
func (tx *memoryTx) Put(key, value []byte) error {
	if tx.ended {
		return ErrEnded
	}
	tx.tree.set(newItem(key, value))
	return nil
}

// Delete changes the transaction's own copy of the tree. It fails with ErrEnded
// only.
func (tx *memoryTx) Delete(key []byte) error {
	if tx.ended {
		return ErrEnded
	}
	tx.tree.remove(key)
	return nil
}
