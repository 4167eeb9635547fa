package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

const (
	benchWriters     = 64
	benchGrouped     = 256 // commands a writer, joined
	benchAlone       = 16  // transactions a writer, each for itself
	benchRowBytes    = 512 // about one decision
	benchCommitRatio = 15
)

// benchGroupCommit compares durable commands a second, through the store's executor
// and with one transaction of the engine for each, with one transaction of plain
// Badger for each, on the same disk.
func benchGroupCommit(ctx context.Context, dir string) ([]figure, error) {
	plain, err := benchPlain(ctx, filepath.Join(dir, "plain"))
	if err != nil {
		return nil, err
	}
	alone, err := benchEngine(ctx, filepath.Join(dir, "alone"), func(ctx context.Context, e kv.Engine) (float64, error) {
		return benchRate(ctx, benchAlone, func(ctx context.Context, key []byte) error {
			return e.Update(ctx, func(tx kv.Tx) error { return tx.Put(key, make([]byte, benchRowBytes)) })
		})
	})
	if err != nil {
		return nil, err
	}
	joined, err := benchEngine(ctx, filepath.Join(dir, "joined"), benchStore)
	if err != nil {
		return nil, err
	}
	met := joined/plain >= benchCommitRatio
	const against = "one transaction of plain Badger each"
	return []figure{{
		What: "joined in the store's executor", Value: joined, Unit: "/s", Yardstick: plain,
		Against: against, Ratio: joined / plain, Target: fmt.Sprintf(">= %dx", benchCommitRatio), Met: &met,
	}, {
		What: "one transaction each", Value: alone, Unit: "/s", Yardstick: plain,
		Against: against, Ratio: alone / plain,
	}}, nil
}

func benchPlain(ctx context.Context, dir string) (rate float64, err error) {
	p, err := badgerkv.OpenPlain(dir)
	if err != nil {
		return 0, err
	}
	rate, err = benchRate(ctx, benchAlone, func(_ context.Context, key []byte) error {
		return p.Put(key, make([]byte, benchRowBytes))
	})
	return rate, errors.Join(err, p.Close())
}

func benchEngine(ctx context.Context, dir string, run func(context.Context, kv.Engine) (float64, error)) (rate float64, err error) {
	e, err := badgerkv.Open(dir, badgerkv.Options{})
	if err != nil {
		return 0, err
	}
	defer func() {
		if closeErr := e.Close(); err == nil {
			err = closeErr
		}
	}()
	return run(ctx, e)
}

func benchStore(ctx context.Context, e kv.Engine) (rate float64, err error) {
	s, err := store.Open(ctx, store.Options{Engine: e, Own: pay.ScopeRegistry, Random: rand.Reader})
	if err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(running) }()
	rate, err = benchRate(ctx, benchGrouped, func(ctx context.Context, key []byte) error {
		return s.Do(ctx, func(tx *store.Tx) error { return tx.Put(key, make([]byte, benchRowBytes)) })
	})
	stop()
	return rate, errors.Join(err, <-done)
}

// benchRate lets benchWriters write each times and returns writes a second.
func benchRate(ctx context.Context, each int, write func(ctx context.Context, key []byte) error) (float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for w := range benchWriters {
		group.Go(func() error {
			for i := range each {
				key := binary.BigEndian.AppendUint32(nil, uint32(w))
				if err := write(ctx, binary.BigEndian.AppendUint32(key, uint32(i))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(benchWriters*each) / time.Since(begin).Seconds(), err
}
