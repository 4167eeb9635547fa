package kvtest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

func writes() []contract {
	return []contract{
		{"the last write of a key counts", testLastWrite},
		{"a transaction sees its own writes", testOwnWrites},
		{"scan merges own writes in order", testScanMerges},
		{"a scan's function may write", testWriteDuringScan},
		{"the engine copies what it is given", testWritesAreCopies},
		{"an error undoes everything", testError},
		{"a panic undoes everything", testPanic},
		{"many writes are one transaction", testManyWrites},
	}
}

func testLastWrite(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1", "a=2", "-b", "c=1", "-c", "c=2", "-d")
	wantAll(t, e, "a=2", "c=2")
	update(t, e, func(tx kv.Tx) error { return apply(tx, "-a", "c=3", "b=4", "-nothing") })
	wantAll(t, e, "b=4", "c=3")
	update(t, e, func(tx kv.Tx) error { return nil })
	wantAll(t, e, "b=4", "c=3")
}

func testOwnWrites(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1")
	update(t, e, func(tx kv.Tx) error {
		if err := apply(tx, "a=2", "-b", "c="); err != nil {
			return err
		}
		wantGet(t, tx, "a", []byte("2"))
		wantGet(t, tx, "b", nil)
		wantGet(t, tx, "c", []byte{})
		wantGet(t, tx, "d", nil)
		if err := apply(tx, "b=5", "-c"); err != nil {
			return err
		}
		wantGet(t, tx, "b", []byte("5"))
		wantGet(t, tx, "c", nil)
		return nil
	})
	wantAll(t, e, "a=2", "b=5")
}

func testScanMerges(t *testing.T, s suite) {
	e := s.engine(t)
	for _, c := range []struct {
		name     string
		base     []string
		ops      []string
		from, to string
		limit    int
		want     []string
	}{
		{"between", []string{"a=1", "c=1"}, []string{"b=2"}, "", "z", 0, []string{"a=1", "b=2", "c=1"}},
		{"before and after", []string{"b=1"}, []string{"c=2", "a=2"}, "", "z", 0, []string{"a=2", "b=1", "c=2"}},
		{"in place of", []string{"a=1", "b=1"}, []string{"b=2"}, "", "z", 0, []string{"a=1", "b=2"}},
		{"deleted first", []string{"a=1", "b=1"}, []string{"-a"}, "", "z", 0, []string{"b=1"}},
		{"deleted last", []string{"a=1", "b=1"}, []string{"-b"}, "", "z", 0, []string{"a=1"}},
		{"deleted all", []string{"a=1", "b=1"}, []string{"-b", "-a"}, "", "z", 0, []string{}},
		{"deleted nothing", []string{"b=1"}, []string{"-a", "-c"}, "", "z", 0, []string{"b=1"}},
		{"deleted and put again", []string{"a=1"}, []string{"-a", "a=2"}, "", "z", 0, []string{"a=2"}},
		{"put and deleted", []string{"b=1"}, []string{"a=2", "-a"}, "", "z", 0, []string{"b=1"}},
		{"only own", nil, []string{"b=2", "a=2"}, "", "z", 0, []string{"a=2", "b=2"}},
		{"own outside the range", []string{"c=1"}, []string{"a=2", "e=2"}, "b", "e", 0, []string{"c=1"}},
		{"own at the ends", []string{"c=1"}, []string{"b=2", "e=2"}, "b", "e", 0, []string{"b=2", "c=1"}},
		{"empty below the range", []string{"a=1"}, []string{"c=2"}, "b", "z", 0, []string{"c=2"}},
		{"limit ends at own", []string{"b=1"}, []string{"a=2"}, "", "z", 1, []string{"a=2"}},
		{"limit ends at base", []string{"a=1"}, []string{"b=2"}, "", "z", 1, []string{"a=1"}},
		{"deleted keys take no limit", []string{"a=1", "b=1", "c=1"}, []string{"-a", "-b"}, "", "z", 1, []string{"c=1"}},
		{"limit among own only", nil, []string{"a=2", "b=2", "c=2"}, "", "z", 2, []string{"a=2", "b=2"}},
	} {
		update(t, e, func(tx kv.Tx) error {
			return errors.Join(apply(tx, "-a", "-b", "-c", "-d", "-e"), apply(tx, c.base...))
		})
		update(t, e, func(tx kv.Tx) error {
			if err := apply(tx, c.ops...); err != nil {
				return err
			}
			got, err := scan(tx, []byte(c.from), []byte(c.to), c.limit)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s: got %q, want %q", c.name, got, c.want)
			}
			return err
		})
	}
}

func testWriteDuringScan(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1", "c=1")
	update(t, e, func(tx kv.Tx) error {
		if err := apply(tx, "bb=1"); err != nil {
			return err
		}
		var seen []string
		var inner error
		err := tx.Scan(nil, nil, 0, func(key, value []byte) bool {
			seen = append(seen, string(key)+"="+string(value))
			k := string(key)
			inner = apply(tx, "-"+k, "n"+k+"=2", "c=9")
			wantGet(t, tx, k, map[bool][]byte{true: []byte("9")}[k == "c"])
			wantGet(t, tx, "n"+k, []byte("2"))
			return inner == nil
		})
		// A scan sees the transaction as it was when the scan began.
		if want := []string{"a=1", "b=1", "bb=1", "c=1"}; !slices.Equal(seen, want) {
			t.Errorf("scan whose function writes saw %q, want %q", seen, want)
		}
		return errors.Join(err, inner)
	})
	wantAll(t, e, "c=9", "na=2", "nb=2", "nbb=2", "nc=2")
}

func testWritesAreCopies(t *testing.T, s suite) {
	e := s.engine(t)
	update(t, e, func(tx kv.Tx) error {
		key, value, gone := []byte("key"), []byte("value"), []byte("gone")
		if err := apply(tx, "gone=1", "kept=1"); err != nil {
			return err
		}
		if err := tx.Put(key, value); err != nil {
			return err
		}
		if err := tx.Delete(gone); err != nil {
			return err
		}
		copy(key, "xxx")
		copy(value, "yyyyy")
		copy(gone, "kept")
		wantGet(t, tx, "key", []byte("value"))
		return nil
	})
	wantAll(t, e, "kept=1", "key=value")
}

func testError(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1")
	boom := errors.New("boom")
	err := e.Update(context.Background(), func(tx kv.Tx) error {
		if err := apply(tx, "a=2", "-b", "c=3"); err != nil {
			return err
		}
		return boom
	})
	if !same(err, boom) {
		t.Errorf("update returned %v, want the function's own error", err)
	}
	if err := e.View(context.Background(), func(kv.Reader) error { return boom }); !same(err, boom) {
		t.Errorf("view returned %v, want the function's own error", err)
	}
	wantAll(t, e, "a=1", "b=1")
	update(t, e, func(tx kv.Tx) error { return apply(tx, "d=4") })
	wantAll(t, e, "a=1", "b=1", "d=4")
}

// same reports whether got is the identical error that a function returned.
func same(got, want error) bool {
	return got == want //nolint:errorlint // the contract promises the error as it is
}

func testPanic(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	survive := func(run func() error) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error("the function's panic was swallowed")
			}
		}()
		_ = run()
	}
	survive(func() error {
		return e.Update(context.Background(), func(tx kv.Tx) error {
			_ = apply(tx, "a=2", "b=2")
			return tx.Scan(nil, nil, 0, func(_, _ []byte) bool { panic("boom") })
		})
	})
	survive(func() error {
		return e.View(context.Background(), func(r kv.Reader) error {
			return r.Scan(nil, nil, 0, func(_, _ []byte) bool { panic("boom") })
		})
	})
	update(t, e, func(tx kv.Tx) error { return apply(tx, "c=3") })
	wantAll(t, e, "a=1", "c=3")
}

func testManyWrites(t *testing.T, s suite) {
	const keys = 2000
	e := s.engine(t)
	key := func(i int) []byte { return []byte{byte(i >> 8), byte(i)} }
	update(t, e, func(tx kv.Tx) error {
		for i := range keys {
			if err := tx.Put(key(i*7919%keys), key(i)); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, e, func(r kv.Reader) error {
		n := 0
		err := r.Scan(nil, nil, 0, func(k, _ []byte) bool {
			if want := key(n); string(k) != string(want) {
				t.Fatalf("key %d of the scan is %x, want %x", n, k, want)
			}
			n++
			return true
		})
		if n != keys {
			t.Errorf("scan found %d keys, want %d", n, keys)
		}
		return err
	})
}
