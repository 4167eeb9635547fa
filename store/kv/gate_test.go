package kv_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/store/kv"
)

func TestGateWriterGivesUpWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := kv.NewGate()
		leave, err := g.Write(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Write(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("second writer: got %v, want context.DeadlineExceeded", err)
		}
		read, err := g.Read(t.Context())
		if err != nil {
			t.Fatalf("a reader beside a writer: %v", err)
		}
		read()
		leave()
		if leave, err = g.Write(t.Context()); err != nil {
			t.Fatalf("a writer after the first: %v", err)
		}
		leave()
		g.Close()
	})
}

func TestGateCloseLetsWaitingWritersThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := kv.NewGate()
		first, err := g.Write(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 3)
		go func() {
			second, err := g.Write(t.Context())
			if err != nil {
				t.Errorf("waiting writer: %v", err)
				return
			}
			order <- "second"
			second()
		}()
		synctest.Wait()
		go func() {
			g.Close()
			order <- "closed"
		}()
		synctest.Wait()
		if _, err := g.Read(t.Context()); !errors.Is(err, kv.ErrClosed) {
			t.Errorf("newcomer: got %v, want kv.ErrClosed", err)
		}
		order <- "first"
		first()
		for _, want := range []string{"first", "second", "closed"} {
			if got := <-order; got != want {
				t.Errorf("%s came, want %s", got, want)
			}
		}
	})
}
