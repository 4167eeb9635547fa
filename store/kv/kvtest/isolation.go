package kvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

func testViewIsSnapshot(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1")
	before := func(r kv.Reader) error {
		got, err := scan(r, nil, nil, 0, 0)
		if len(got) != 2 {
			t.Errorf("a view from before sees %q", got)
		}
		return errors.Join(err, get(r, "a=1", "b=1", "-c"))
	}
	update(t, e, func(tx kv.Tx) error {
		err := apply(tx, "a=2", "-b", "c=3")
		view(t, e, before)
		return errors.Join(err, get(tx, "a=2", "-b", "c=3"), apply(tx, "a=1", "b=1", "-c"))
	})
	view(t, e, func(r kv.Reader) error {
		write(t, e, "a=2", "-b", "c=3")
		return before(r)
	})
	view(t, e, func(r kv.Reader) error {
		var during error
		err := r.Scan(nil, nil, 0, func(_, _ []byte) bool {
			write(t, e, "b=new", "c=new", "d=new")
			during = errors.Join(during, get(r, "c=3", "-d"))
			return true
		})
		return errors.Join(err, during)
	})
	wantAll(t, e, "a=2", "b=new", "c=new", "d=new")
}

func number(r kv.Reader, key string) (uint64, error) {
	value, ok, err := r.Get([]byte(key))
	if err != nil || !ok {
		return 0, err
	}
	return binary.BigEndian.Uint64(value), nil
}

func putNumber(tx kv.Tx, key string, n uint64) error {
	return tx.Put([]byte(key), binary.BigEndian.AppendUint64(nil, n))
}

// testTransfers moves units from a to b: no update is lost if b has all of them.
func testTransfers(t *testing.T, s suite) {
	const sum, rounds, goroutines = 1000, 25, 16
	e := s.filled(t)
	update(t, e, func(tx kv.Tx) error { return errors.Join(putNumber(tx, "a", sum), putNumber(tx, "b", 0)) })
	transfer := func(tx kv.Tx) error {
		a, errA := number(tx, "a")
		b, errB := number(tx, "b")
		return errors.Join(errA, errB, putNumber(tx, "a", a-1), putNumber(tx, "b", b+1))
	}
	check := func(r kv.Reader) error {
		a, errA := number(r, "a")
		b, errB := number(r, "b")
		if a+b != sum {
			t.Errorf("a view sees %d + %d, want a sum of %d", a, b, sum)
		}
		return errors.Join(errA, errB)
	}
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			for range rounds {
				err := e.View(context.Background(), check)
				if i%2 == 0 {
					err = e.Update(context.Background(), transfer)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	view(t, e, func(r kv.Reader) error {
		if b, _ := number(r, "b"); b != goroutines/2*rounds {
			t.Errorf("%d transfers arrived, want %d", b, goroutines/2*rounds)
		}
		return check(r)
	})
}
