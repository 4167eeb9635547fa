package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/store/kv"
)

func testBytes(t *testing.T, s suite) {
	var pairs []string
	for _, key := range []string{
		"", "\x00", "\x00\x00", "\x01", "!badger!txn", "a", "a\x00", "aa", "b", strings.Repeat("k", 1024), "\xff", "\xff\xff",
	} {
		pairs = append(pairs, key+"="+key)
	}
	pairs = append(pairs, "\xff\xffempty=", "\xff\xfflong="+strings.Repeat("0123456789abcdef", 16<<10), "\xff\xffnil=", "\xff\xffzero=\x00")
	e := s.filled(t)
	update(t, e, func(tx kv.Tx) error {
		for _, pair := range slices.Backward(pairs) {
			if err := apply(tx, pair); err != nil {
				return err
			}
		}
		return errors.Join(tx.Put([]byte("\xff\xffnil"), nil), get(tx, pairs...))
	})
	wantAll(t, e, pairs...)
	view(t, e, func(r kv.Reader) error { return errors.Join(get(r, pairs...), get(r, "-aaa", "-\xff\xff\xff")) })
}

// end is a nil end of a range.
const end = "(end)"

func testScan(t *testing.T, s suite) {
	const five = "a=1 ab=2 b=3 c=4 \xff\xff=5"
	e := s.filled(t)
	for _, c := range []struct {
		name, base, own, from, to string
		limit                     int
		want                      string
	}{
		{"nothing", "", "", "", end, 0, ""},
		{"everything", five, "", "", end, 0, five},
		{"from is inside", five, "", "ab", end, 0, "ab=2 b=3 c=4 \xff\xff=5"},
		{"to is outside", five, "", "", "b", 0, "a=1 ab=2"},
		{"ends that are no keys", five, "", "aa", "bb", 0, "ab=2 b=3"},
		{"one prefix", five, "", "a", "b", 0, "a=1 ab=2"},
		{"one key", five, "", "b", "b\x00", 0, "b=3"},
		{"equal ends", five, "", "b", "b", 0, ""},
		{"crossed ends", five, "", "c", "a", 0, ""},
		{"to is empty, not nil", five, "", "", "", 0, ""},
		{"after the last key", five, "", "\xff\xff\xff", end, 0, ""},
		{"limit", five, "", "", end, 2, "a=1 ab=2"},
		{"limit with a start", five, "", "b", end, 1, "b=3"},
		{"limit beyond the end", five, "", "c", end, 9, "c=4 \xff\xff=5"},
		{"negative limit", five, "", "c", end, -1, "c=4 \xff\xff=5"},
		{"between", "a=1 c=1", "b=2", "", "z", 0, "a=1 b=2 c=1"},
		{"before and after", "b=1", "c=2 a=2", "", "z", 0, "a=2 b=1 c=2"},
		{"in place of", "a=1 b=1", "b=2", "", "z", 0, "a=1 b=2"},
		{"among and in place of", "a=1 b=2 c=3", "aa=5 b=6 d=7", "", end, 0, "a=1 aa=5 b=6 c=3 d=7"},
		{"deleted first", "a=1 b=1", "-a", "", "z", 0, "b=1"},
		{"deleted last", "a=1 b=1", "-b", "", "z", 0, "a=1"},
		{"deleted all", "a=1 b=1", "-b -a", "", "z", 0, ""},
		{"deleted nothing", "b=1", "-a -c", "", "z", 0, "b=1"},
		{"deleted and put again", "a=1", "-a a=2", "", "z", 0, "a=2"},
		{"put and deleted", "b=1", "a=2 -a", "", "z", 0, "b=1"},
		{"only own", "", "b=2 a=2", "", "z", 0, "a=2 b=2"},
		{"own outside the range", "c=1", "a=2 e=2", "b", "e", 0, "c=1"},
		{"own at the ends", "c=1", "b=2 e=2", "b", "e", 0, "b=2 c=1"},
		{"empty below the range", "a=1", "c=2", "b", "z", 0, "c=2"},
		{"limit ends at own", "b=1", "a=2", "", "z", 1, "a=2"},
		{"limit ends at base", "a=1", "b=2", "", "z", 1, "a=1"},
		{"deleted keys take no limit", "a=1 b=1 c=1", "-a -b", "", "z", 1, "c=1"},
		{"limit among own only", "", "a=2 b=2 c=2", "", "z", 2, "a=2 b=2"},
	} {
		from, to, want := []byte(c.from), []byte(c.to), strings.Fields(c.want)
		if c.to == end {
			to = nil
		}
		// check also stops after each key but the last.
		check := func(r kv.Reader) error {
			for stop := range max(1, len(want)) {
				expected := want
				if stop > 0 {
					expected = want[:stop]
				}
				got, err := scan(r, from, to, c.limit, stop)
				if !slices.Equal(got, expected) {
					t.Errorf("%s, stopped after %d: got %q, want %q", c.name, stop, got, expected)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}
		update(t, e, func(tx kv.Tx) error { return errors.Join(clearAll(tx), apply(tx, strings.Fields(c.base)...)) })
		update(t, e, func(tx kv.Tx) error { return errors.Join(apply(tx, strings.Fields(c.own)...), check(tx)) })
		update(t, e, func(tx kv.Tx) error { return check(tx) })
		view(t, e, check)
	}
}

// clearAll deletes every key.
func clearAll(tx kv.Tx) (inner error) {
	err := tx.Scan(nil, nil, 0, func(key, _ []byte) bool {
		inner = tx.Delete(key)
		return inner == nil
	})
	return errors.Join(err, inner)
}

func testReadsMayBeKept(t *testing.T, s suite) {
	e := s.filled(t, "a=one", "b=two")
	var kept [][]byte
	keep := func(r kv.Reader) error {
		got, _, err := r.Get([]byte("a"))
		kept = append(kept, got)
		_ = append(got, "tail"...)
		return errors.Join(err, get(r, "a=one", "b=two"))
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
	write(t, e, "a=ONE", "-b")
	write(t, e, "-a", "b=TWO")
	if got := string(bytes.Join(kept, []byte(" "))); got != "one one one a one b two" {
		t.Errorf("what was read became %q", got)
	}
	wantAll(t, e, "b=TWO")
}

func testOwnWrites(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1", "a=2", "-b", "c=1", "-c", "c=2", "-d")
	wantAll(t, e, "a=2", "c=2")
	update(t, e, func(tx kv.Tx) error {
		return errors.Join(get(tx, "a=2", "-b"),
			apply(tx, "a=3", "-c", "d=", "b=1"), get(tx, "a=3", "b=1", "-c", "d=", "-e"),
			apply(tx, "c=5", "-d", "-b", "-nothing"), get(tx, "a=3", "-b", "c=5", "-d"))
	})
	wantAll(t, e, "a=3", "c=5")
	write(t, e)
	wantAll(t, e, "a=3", "c=5")
}

func testWriteDuringScan(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1", "c=1")
	update(t, e, func(tx kv.Tx) error {
		inner := apply(tx, "bb=1")
		var seen []string
		err := tx.Scan(nil, nil, 0, func(key, value []byte) bool {
			k := string(key)
			seen = append(seen, k+"="+string(value))
			now := map[bool]string{true: "c=9", false: "-" + k}[k == "c"]
			inner = errors.Join(inner, apply(tx, "-"+k, "n"+k+"=2", "c=9"), get(tx, now, "n"+k+"=2"))
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
	e := s.filled(t)
	update(t, e, func(tx kv.Tx) error {
		key, value, gone := []byte("key"), []byte("value"), []byte("gone")
		err := errors.Join(apply(tx, "gone=1", "kept=1"), tx.Put(key, value), tx.Delete(gone))
		copy(key, "xxx")
		copy(value, "yyyyy")
		copy(gone, "kept")
		return errors.Join(err, get(tx, "key=value"))
	})
	wantAll(t, e, "kept=1", "key=value")
}

func testError(t *testing.T, s suite) {
	e := s.filled(t, "a=1", "b=1")
	boom := errors.New("boom")
	updated := e.Update(context.Background(), func(tx kv.Tx) error {
		if err := apply(tx, "a=2", "-b", "c=3"); err != nil {
			return err
		}
		return boom
	})
	viewed := e.View(context.Background(), func(kv.Reader) error { return boom })
	if updated != boom || viewed != boom { //nolint:errorlint // the contract promises the error as it is
		t.Errorf("update returned %v and view %v, want the function's own error", updated, viewed)
	}
	wantAll(t, e, "a=1", "b=1")
	write(t, e, "d=4")
	wantAll(t, e, "a=1", "b=1", "d=4")
}

func testPanic(t *testing.T, s suite) {
	e := s.filled(t, "a=1")
	inScan := func(r kv.Reader) error { return r.Scan(nil, nil, 0, func(_, _ []byte) bool { panic("boom") }) }
	for name, run := range map[string]func() error{
		"update": func() error {
			return e.Update(context.Background(), func(tx kv.Tx) error { return errors.Join(apply(tx, "a=2", "b=2"), inScan(tx)) })
		},
		"view": func() error { return e.View(context.Background(), inScan) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s swallowed the function's panic", name)
				}
			}()
			_ = run()
		}()
	}
	write(t, e, "c=3")
	wantAll(t, e, "a=1", "c=3")
}

func testManyWrites(t *testing.T, s suite) {
	const keys = 2000
	e := s.filled(t)
	pair := func(i int) string { return fmt.Sprintf("%04d=%d", i, i) }
	var want []string
	update(t, e, func(tx kv.Tx) error {
		want = nil
		for i := range keys {
			want = append(want, pair(i))
			if err := apply(tx, pair(i*7919%keys)); err != nil {
				return err
			}
		}
		return nil
	})
	wantAll(t, e, want...)
}
