package kv

import (
	"context"
	"sync/atomic"
)

// Memory is an Engine that keeps its data in memory: for tests, simulations and
// nodes whose data need not outlive the process. "Durable" means for as long as
// the Memory exists.
//
// The data are the writes of an Overlay above nothing. A transaction works on a
// copy-on-write copy of it and publishes its Layer when its function succeeds. So a
// View costs one atomic load, never waits, and never delays another transaction. An
// empty key is a key. Keys, values and transactions are limited by memory only.
type Memory struct {
	gate      *Gate
	base      Layer                 // used only by the admitted writer
	published atomic.Pointer[Layer] // what new Views read: a copy of base
}

// NewMemory returns an empty engine.
func NewMemory() *Memory {
	m := &Memory{gate: NewGate(), base: Layer{items: newItems()}}
	m.published.Store(&Layer{items: newItems()})
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
	r := &Overlay{Layer: *m.published.Load(), base: nothing{}, pinned: true}
	defer r.End()
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
	tx := &Overlay{Layer: Layer{m.base.items.Copy(), m.base.bytes}, base: nothing{}}
	defer tx.End()
	if err := fn(tx); err != nil {
		return err
	}
	m.base = tx.Layer
	state := tx.Writes()
	m.published.Store(&state)
	return nil
}

// Close waits for running transactions. It always returns nil.
func (m *Memory) Close() error {
	m.gate.Close()
	return nil
}
