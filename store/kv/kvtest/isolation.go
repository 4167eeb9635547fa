package kvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

func isolation() []contract {
	return []contract{
		{"a view does not see a later update", testViewIsSnapshot},
		{"a view does not see an unfinished update", testViewBesideUpdate},
		{"updates do not lose one another", testCounter},
		{"readers never see half an update", testTransfers},
	}
}

func testViewIsSnapshot(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1")
	view(t, e, func(r kv.Reader) error {
		update(t, e, func(tx kv.Tx) error { return apply(tx, "a=2", "-b", "c=3") })
		wantGet(t, r, "a", []byte("1"))
		wantGet(t, r, "b", []byte("1"))
		wantGet(t, r, "c", nil)
		got, err := scan(r, nil, nil, 0)
		if fmt.Sprint(got) != "[a=1 b=1]" {
			t.Errorf("view sees %q after a later update", got)
		}
		return err
	})
	view(t, e, func(r kv.Reader) error {
		var during error
		err := r.Scan(nil, nil, 0, func(key, value []byte) bool {
			during = e.Update(context.Background(), func(tx kv.Tx) error {
				return apply(tx, "b=new", "c=new", "d=new")
			})
			wantGet(t, r, "c", []byte("3"))
			return during == nil
		})
		return errors.Join(err, during)
	})
	wantAll(t, e, "a=2", "b=new", "c=new", "d=new")
}

func testViewBesideUpdate(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	update(t, e, func(tx kv.Tx) error {
		if err := apply(tx, "a=2", "b=2"); err != nil {
			return err
		}
		view(t, e, func(r kv.Reader) error {
			wantGet(t, r, "a", []byte("1"))
			wantGet(t, r, "b", nil)
			return nil
		})
		wantGet(t, tx, "a", []byte("2"))
		return nil
	})
	wantAll(t, e, "a=2", "b=2")
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

// together runs fn in several goroutines at once and fails on their errors.
func together(t *testing.T, goroutines int, fn func(i int) error) {
	t.Helper()
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func testCounter(t *testing.T, s suite) {
	const goroutines, rounds = 8, 25
	e := s.engine(t)
	together(t, goroutines, func(int) error {
		for range rounds {
			err := e.Update(context.Background(), func(tx kv.Tx) error {
				n, err := number(tx, "counter")
				if err != nil {
					return err
				}
				return putNumber(tx, "counter", n+1)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	view(t, e, func(r kv.Reader) error {
		n, err := number(r, "counter")
		if n != goroutines*rounds {
			t.Errorf("counter is %d after %d increments", n, goroutines*rounds)
		}
		return err
	})
}

func testTransfers(t *testing.T, s suite) {
	const sum, rounds = 1000, 50
	e := s.engine(t)
	update(t, e, func(tx kv.Tx) error {
		return errors.Join(putNumber(tx, "a", sum), putNumber(tx, "b", 0))
	})
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
	together(t, 6, func(i int) error {
		for range rounds {
			var err error
			if i%2 == 0 {
				err = e.Update(context.Background(), transfer)
			} else {
				err = e.View(context.Background(), check)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	view(t, e, func(r kv.Reader) error {
		if b, _ := number(r, "b"); b != 3*rounds {
			t.Errorf("%d transfers arrived, want %d", b, 3*rounds)
		}
		return check(r)
	})
}
