package kv_test

import (
	"context"
	"errors"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
	"github.com/paybeacon/paybeacon/store/kv/kvtest"
)

// overlaid is an engine whose transactions are two overlays above one another, so
// that the contract is tested with an Overlay as well.
type overlaid struct{ kv.Engine }

func (e overlaid) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return e.Engine.Update(ctx, func(tx kv.Tx) error {
		lower := kv.NewOverlay(tx)
		upper := kv.NewOverlay(lower)
		if err := fn(ending{upper, tx}); err != nil {
			return err
		}
		return errors.Join(upper.Apply(lower), lower.Apply(tx))
	})
}

// ending is an Overlay that ends with its transaction. An engine that is built on
// overlays must do this itself.
type ending struct {
	*kv.Overlay
	tx kv.Tx
}

func (o ending) Put(key, value []byte) error {
	if _, _, err := o.tx.Get(nil); err != nil {
		return err
	}
	return o.Overlay.Put(key, value)
}

func (o ending) Delete(key []byte) error {
	if _, _, err := o.tx.Get(nil); err != nil {
		return err
	}
	return o.Overlay.Delete(key)
}

func TestOverlayKeepsTheContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kv.Engine { return overlaid{kv.NewMemory()} }, kvtest.Options{})
}

func TestOverlayWritesNothingUntilApplied(t *testing.T) {
	t.Parallel()
	e := kv.NewMemory()
	defer e.Close()
	err := e.Update(t.Context(), func(tx kv.Tx) error {
		kept, dropped := kv.NewOverlay(tx), kv.NewOverlay(tx)
		err := errors.Join(
			kept.Put([]byte("a"), []byte("1")),
			dropped.Put([]byte("a"), []byte("2")),
			dropped.Put([]byte("b"), []byte("2")),
		)
		if _, ok, _ := tx.Get([]byte("a")); ok {
			t.Error("a write reached the transaction before Apply")
		}
		return errors.Join(err, kept.Apply(tx))
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = e.View(t.Context(), func(r kv.Reader) error {
		if got, _, _ := r.Get([]byte("a")); string(got) != "1" {
			t.Errorf("a = %q, want 1", got)
		}
		if _, ok, _ := r.Get([]byte("b")); ok {
			t.Error("a dropped overlay wrote")
		}
		return nil
	})
}

func TestOverlayKnowsItsSize(t *testing.T) {
	t.Parallel()
	o := kv.NewOverlay(nil)
	for _, c := range []struct {
		name      string
		write     func() error
		len, size int
	}{
		{"put", func() error { return o.Put([]byte("ab"), []byte("123")) }, 1, 5},
		{"put another", func() error { return o.Put([]byte("c"), nil) }, 2, 6},
		{"put longer", func() error { return o.Put([]byte("ab"), []byte("12345")) }, 2, 8},
		{"put shorter", func() error { return o.Put([]byte("ab"), []byte("1")) }, 2, 4},
		{"delete a written key", func() error { return o.Delete([]byte("ab")) }, 2, 3},
		{"delete another key", func() error { return o.Delete([]byte("xyz")) }, 3, 6},
	} {
		if err := c.write(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if o.Len() != c.len || o.Size() != c.size {
			t.Errorf("%s: len %d, size %d, want %d, %d", c.name, o.Len(), o.Size(), c.len, c.size)
		}
	}
}

// picky refuses the key "b".
type picky struct{ seen string }

var errPicky = errors.New("refused")

func (p *picky) Put(key, _ []byte) error {
	p.seen += string(key)
	if string(key) == "b" {
		return errPicky
	}
	return nil
}

func (p *picky) Delete(key []byte) error { return p.Put(key, nil) }

func TestOverlayApplyStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	o := kv.NewOverlay(nil)
	for _, key := range []string{"c", "b", "a"} {
		_ = o.Put([]byte(key), nil)
	}
	var p picky
	if err := o.Apply(&p); !errors.Is(err, errPicky) || p.seen != "ab" {
		t.Errorf("apply returned %v after %q, want the writer's error after \"ab\"", err, p.seen)
	}
}
