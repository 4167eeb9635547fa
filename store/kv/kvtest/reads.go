package kvtest

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

func reads() []contract {
	return []contract{
		{"an empty engine holds nothing", testEmpty},
		{"any bytes are a key", testKeys},
		{"any bytes are a value", testValues},
		{"scan keeps to its range", testScanRange},
		{"scan stops when told", testScanStops},
		{"scans nest", testScansNest},
		{"what was read may be kept", testReadsMayBeKept},
	}
}

func testEmpty(t *testing.T, s suite) {
	e := s.engine(t)
	view(t, e, func(r kv.Reader) error {
		wantGet(t, r, "a", nil)
		wantGet(t, r, "", nil)
		return nil
	})
	wantAll(t, e)
}

func testKeys(t *testing.T, s suite) {
	e := s.engine(t)
	keys := []string{
		"", "\x00", "\x00\x00", "\x01", "!badger!txn", "a", "a\x00", "aa", "b",
		string(bytes.Repeat([]byte{'k'}, 1024)), "\xff", "\xff\xff",
	}
	update(t, e, func(tx kv.Tx) error {
		for i := len(keys) - 1; i >= 0; i-- {
			if err := tx.Put([]byte(keys[i]), []byte(keys[i])); err != nil {
				return err
			}
		}
		return nil
	})
	want := make([]string, len(keys))
	for i, key := range keys {
		want[i] = key + "=" + key
	}
	wantAll(t, e, want...)
	view(t, e, func(r kv.Reader) error {
		for _, key := range keys {
			wantGet(t, r, key, []byte(key))
		}
		wantGet(t, r, "aaa", nil)
		return nil
	})
}

func testValues(t *testing.T, s suite) {
	e := s.engine(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	update(t, e, func(tx kv.Tx) error {
		for key, value := range map[string][]byte{
			"empty": {}, "nil": nil, "zero": {0}, "long": long,
		} {
			if err := tx.Put([]byte(key), value); err != nil {
				return err
			}
		}
		wantGet(t, tx, "empty", []byte{})
		wantGet(t, tx, "nil", []byte{})
		return nil
	})
	view(t, e, func(r kv.Reader) error {
		wantGet(t, r, "empty", []byte{})
		wantGet(t, r, "nil", []byte{})
		wantGet(t, r, "zero", []byte{0})
		wantGet(t, r, "long", long)
		return nil
	})
	wantAll(t, e, "empty=", "long="+string(long), "nil=", "zero=\x00")
}

func testScanRange(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "ab=2", "b=3", "c=4", "\xff\xff=5")
	for _, c := range []struct {
		name     string
		from, to []byte
		limit    int
		want     []string
	}{
		{"everything", nil, nil, 0, []string{"a=1", "ab=2", "b=3", "c=4", "\xff\xff=5"}},
		{"from is inside", []byte("ab"), nil, 0, []string{"ab=2", "b=3", "c=4", "\xff\xff=5"}},
		{"to is outside", nil, []byte("b"), 0, []string{"a=1", "ab=2"}},
		{"ends that are no keys", []byte("aa"), []byte("bb"), 0, []string{"ab=2", "b=3"}},
		{"one prefix", []byte("a"), []byte("b"), 0, []string{"a=1", "ab=2"}},
		{"one key", []byte("b"), []byte("b\x00"), 0, []string{"b=3"}},
		{"equal ends", []byte("b"), []byte("b"), 0, nil},
		{"crossed ends", []byte("c"), []byte("a"), 0, nil},
		{"to is empty, not nil", nil, []byte{}, 0, nil},
		{"after the last key", []byte("\xff\xff\xff"), nil, 0, nil},
		{"limit", nil, nil, 2, []string{"a=1", "ab=2"}},
		{"limit with a start", []byte("b"), nil, 1, []string{"b=3"}},
		{"limit beyond the end", []byte("c"), nil, 9, []string{"c=4", "\xff\xff=5"}},
		{"negative limit", []byte("c"), nil, -1, []string{"c=4", "\xff\xff=5"}},
	} {
		check := func(where string, r kv.Reader) error {
			got, err := scan(r, c.from, c.to, c.limit)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, in %s: got %q, want %q", c.name, where, got, c.want)
			}
			return err
		}
		view(t, e, func(r kv.Reader) error { return check("a view", r) })
		update(t, e, func(tx kv.Tx) error { return check("an update", tx) })
	}
}

func testScanStops(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=2", "c=3")
	stop := func(r kv.Reader) error {
		var got []string
		err := r.Scan(nil, nil, 0, func(key, _ []byte) bool {
			got = append(got, string(key))
			return len(got) < 2
		})
		if !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("scan told to stop at the second key called back for %q", got)
		}
		return err
	}
	view(t, e, stop)
	update(t, e, func(tx kv.Tx) error { return stop(tx) })
	update(t, e, func(tx kv.Tx) error {
		if err := apply(tx, "aa=5", "b=6", "d=7"); err != nil {
			return err
		}
		var got []string
		err := tx.Scan(nil, nil, 0, func(key, _ []byte) bool {
			got = append(got, string(key))
			return len(got) < 3
		})
		if !slices.Equal(got, []string{"a", "aa", "b"}) {
			t.Errorf("scan over own writes called back for %q", got)
		}
		return err
	})
}

func testScansNest(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=2", "c=3")
	nest := func(r kv.Reader) error {
		got := ""
		var inner error
		err := r.Scan(nil, nil, 0, func(key, _ []byte) bool {
			got += string(key) + ":"
			inner = r.Scan(key, nil, 0, func(key, _ []byte) bool {
				got += string(key)
				return true
			})
			_, ok, _ := r.Get(key)
			got += map[bool]string{true: " ", false: "? "}[ok]
			return inner == nil
		})
		if want := "a:abc b:bc c:c "; got != want {
			t.Errorf("nested scans gave %q, want %q", got, want)
		}
		if err == nil {
			err = inner
		}
		return err
	}
	view(t, e, nest)
	update(t, e, func(tx kv.Tx) error { return nest(tx) })
	update(t, e, func(tx kv.Tx) error {
		if err := apply(tx, "b=9", "-x"); err != nil {
			return err
		}
		return nest(tx)
	})
}

func testReadsMayBeKept(t *testing.T, s suite) {
	e := s.filled(t, "a=one", "b=two")
	var kept [][]byte
	keep := func(r kv.Reader) error {
		got, _, err := r.Get([]byte("a"))
		kept = append(kept, got)
		_ = append(got, "tail"...)
		wantGet(t, r, "a", []byte("one"))
		wantGet(t, r, "b", []byte("two"))
		return err
	}
	view(t, e, keep)
	update(t, e, func(tx kv.Tx) error { return keep(tx) })
	update(t, e, func(tx kv.Tx) error { return errors.Join(apply(tx, "a=one"), keep(tx), apply(tx, "a=two", "a=one")) })
	view(t, e, func(r kv.Reader) error {
		return r.Scan(nil, nil, 0, func(key, value []byte) bool {
			kept = append(kept, bytes.Clone(key), bytes.Clone(value))
			return true
		})
	})
	update(t, e, func(tx kv.Tx) error { return apply(tx, "a=ONE", "-b") })
	update(t, e, func(tx kv.Tx) error { return apply(tx, "-a", "b=TWO") })
	if got := string(bytes.Join(kept, []byte(" "))); got != "one one one a one b two" {
		t.Errorf("what was read became %q", got)
	}
	wantAll(t, e, "b=TWO")
}
