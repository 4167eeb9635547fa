package kv

import (
	"context"
	"fmt"
	"sync"
)

// Gate admits transactions to an engine: any number of readers, one writer at
// a time, and nobody once the engine closes. It is what engines inside one
// process have in common, so that closing means the same for each of them.
type Gate struct {
	mu      sync.Mutex // guards closed, and that no Add follows the Wait
	closed  bool
	running sync.WaitGroup
	turn    chan struct{} // holds one token while a writer runs
}

// NewGate returns an open gate.
func NewGate() *Gate {
	return &Gate{turn: make(chan struct{}, 1)}
}

// Read admits a reader at once. The returned function must be called exactly
// once when the reader is done. Read fails with ErrClosed after Close and with
// the context's error when ctx has ended.
func (g *Gate) Read(ctx context.Context) (leave func(), err error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	return g.running.Done, nil
}

// Write admits a writer once no other writer is inside, and gives up when ctx
// ends before. The returned function must be called exactly once when the
// writer is done. A writer that waits when Close begins still gets its turn.
func (g *Gate) Write(ctx context.Context) (leave func(), err error) {
	if err := g.enter(ctx); err != nil {
		return nil, err
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		g.running.Done()
		return nil, fmt.Errorf("wait for the writer: %w", ctx.Err())
	}
	return func() {
		<-g.turn
		g.running.Done()
	}, nil
}

// Close refuses newcomers and waits until everybody inside has left. Called
// from inside a transaction it would wait for itself.
func (g *Gate) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.running.Wait()
}

func (g *Gate) enter(ctx context.Context) error {
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
