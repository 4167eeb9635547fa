package kv

import (
	"context"
	"fmt"
	"sync"
)

// Gate admits transactions to an engine: any number of readers, one writer at a
// time, and none once the engine closes. Engines inside one process share it, so
// that closing means the same for each of them.
type Gate struct {
	mu      sync.Mutex // guards closed, and ensures that no Add follows the Wait
	closed  bool
	running sync.WaitGroup
	writing chan struct{} // holds one token while a writer runs

	leaveRead, leaveWrite func() // made once
}

// NewGate returns an open gate.
func NewGate() *Gate {
	g := &Gate{writing: make(chan struct{}, 1)}
	g.leaveRead = g.running.Done
	g.leaveWrite = func() {
		<-g.writing
		g.running.Done()
	}
	return g
}

// Read admits a reader at once. The returned function must be called exactly
// once when the reader is done. Read fails with ErrClosed after Close and with
// the context's error when ctx has ended.
func (g *Gate) Read(ctx context.Context) (leave func(), err error) {
	if err := g.begin(ctx); err != nil {
		return nil, err
	}
	return g.leaveRead, nil
}

// Write admits a writer once no other writer is inside. The returned function
// must be called exactly once when the writer is done. A writer that waits when
// Close begins is still admitted. Write fails with ErrClosed after Close and with
// the context's error when ctx has ended, also while it waits.
func (g *Gate) Write(ctx context.Context) (leave func(), err error) {
	if err := g.begin(ctx); err != nil {
		return nil, err
	}
	select {
	case g.writing <- struct{}{}:
	case <-ctx.Done():
		g.running.Done()
		return nil, fmt.Errorf("wait for the writer: %w", ctx.Err())
	}
	return g.leaveWrite, nil
}

// Close refuses new transactions and waits until all admitted ones have ended. It
// must not be called from inside a transaction, which would wait for itself.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

func (g *Gate) begin(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("begin the transaction: %w", err)
	}
	g.running.Add(1)
	return nil
}
