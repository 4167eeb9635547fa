package kv_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
	"github.com/paybeacon/paybeacon/store/kv/kvtest"
)

// gathering is an engine whose writes stay in Layers above one that remains empty, or
// that gets them every few commits.
type gathering struct {
	*kv.Memory
	every int // commits, 0 for never

	writing sync.Mutex
	recent  *kv.Overlay
	commits int
	layer   atomic.Pointer[kv.Layer]
}

func newGathering(every int) *gathering {
	g := &gathering{Memory: kv.NewMemory(), every: every, recent: kv.NewOverlay(nil)}
	g.layer.Store(&kv.Layer{})
	return g
}

func (g *gathering) View(ctx context.Context, fn func(kv.Reader) error) error {
	// The layer is at least as new as what is below it, and has all commits.
	return g.Memory.View(ctx, func(r kv.Reader) error { return fn(ended{g.layer.Load().Over(r), r}) })
}

func (g *gathering) Update(ctx context.Context, fn func(kv.Tx) error) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	var writes *kv.Overlay
	err := g.Memory.Update(ctx, func(tx kv.Tx) error {
		writes = kv.NewOverlay(ended{g.layer.Load().Over(tx), tx})
		if err := fn(ending{writes, tx}); err != nil || g.every == 0 || g.commits%g.every > 0 {
			return err
		}
		// The layer stays above what it was applied to, which changes nothing.
		return g.layer.Load().Apply(tx)
	})
	if err == nil {
		g.commits++
		g.recent.Take(writes)
		layer := g.recent.Writes()
		if size, n := g.recent.Size(), g.recent.Len(); layer.Size() != size || layer.Len() != n {
			panic("a layer has another size than what it was made of")
		}
		g.layer.Store(&layer)
	}
	return err
}

// ended is a Layer over a Reader that ends with it.
type ended struct {
	kv.Reader
	below kv.Reader
}

func (e ended) Get(key []byte) ([]byte, bool, error) {
	if _, _, err := e.below.Get(nil); err != nil {
		return nil, false, err
	}
	return e.Reader.Get(key)
}

func TestLayerKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, every := range []int{0, 3} {
		kvtest.Run(t, func(*testing.T) kv.Engine { return newGathering(every) }, kvtest.Options{})
	}
}
