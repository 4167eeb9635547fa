package store_test

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"maps"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// rowsOf returns all that an engine holds.
func rowsOf(t testing.TB, e kv.Engine) map[string]string {
	t.Helper()
	rows := map[string]string{}
	err := e.View(context.Background(), func(r kv.Reader) error {
		return r.Scan(nil, nil, 0, func(key, value []byte) bool {
			rows[string(key)] = string(value)
			return true
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func write(t testing.TB, e kv.Engine, fn func(tx kv.Tx) error) {
	t.Helper()
	if err := e.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// sealed returns a value with the checksum that belongs to it.
func sealed(key, value string) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Checksum([]byte(key+value), table)
	return append([]byte(value), byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
}

func TestOpenRefusesWhatIsNotItsStore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(tx kv.Tx) error
		own    pay.Scope
		code   pay.ErrorCode
		is     error
	}{
		"newer format": {
			change: func(tx kv.Tx) error { return tx.Put([]byte("mf"), sealed("mf", "\x00\x00\x00\x06")) },
			code:   pay.CodeNewerData,
		},
		"another node's": {own: "m/other", code: pay.CodeConfig},
		"a node's, opened as the registry's": {
			own: pay.ScopeRegistry, code: pay.CodeConfig,
		},
		"format that cannot be": {
			change: func(tx kv.Tx) error { return tx.Put([]byte("mf"), sealed("mf", "\x00\x00\x00\x00")) },
			is:     store.ErrDamaged,
		},
		"damaged format": {
			change: func(tx kv.Tx) error { return tx.Put([]byte("mf"), []byte("\x00\x00\x00\x01zzzz")) },
			is:     store.ErrDamaged,
		},
		"rows without a format": {
			change: func(tx kv.Tx) error { return tx.Delete([]byte("mf")) },
			is:     store.ErrDamaged,
		},
		"no outbox position": {
			change: func(tx kv.Tx) error { return tx.Delete([]byte("mo")) },
			is:     store.ErrDamaged,
		},
		"no feed": {own: "\x00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := nodeOptions()
			s, stop := start(t, o)
			post(t, s, nil, claim(t, 1))
			stop()
			if tc.change != nil {
				write(t, o.Engine, tc.change)
			}
			if tc.own != "" {
				o.Own = tc.own
			}
			before := rowsOf(t, o.Engine)
			_, err := store.Open(t.Context(), o)
			if err == nil {
				t.Fatal("the store opened")
			}
			var shown *pay.Error
			if tc.code != "" && (!errors.As(err, &shown) || shown.Code != tc.code || shown.Hint == "") {
				t.Errorf("Open = %v, want code %s with a hint", err, tc.code)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("Open = %v, want %v", err, tc.is)
			}
			if !maps.Equal(before, rowsOf(t, o.Engine)) {
				t.Error("Open changed the engine")
			}
		})
	}
}

func TestOpenNeedsRandomToMakeAStore(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Random = bytes.NewReader(nil)
	if _, err := store.Open(t.Context(), o); err == nil {
		t.Fatal("a store was made without an epoch")
	}
	if n := len(rowsOf(t, o.Engine)); n != 0 {
		t.Errorf("%d rows were written", n)
	}
	o.Random = seeded(1)
	open(t, o)
	o.Random = bytes.NewReader(nil) // an old store needs none
	open(t, o)
}

func TestIdentityLastsThroughARestart(t *testing.T) {
	t.Parallel()
	for _, o := range []store.Options{registryOptions(), nodeOptions()} {
		one := position(t, open(t, o))
		two := position(t, open(t, o))
		if one != two || one.Incarnation == (pay.Incarnation{}) {
			t.Errorf("position of %s was %+v and is %+v", o.Own, one, two)
		}
		other := o
		other.Engine, other.Random = kv.NewMemory(), seeded(99)
		if got := position(t, open(t, other)); got.Incarnation == one.Incarnation {
			t.Errorf("two stores of %s share an incarnation", o.Own)
		}
	}
}

// A role sees its own rows and nothing else, whatever keys it tries.
func TestRoleStaysAmongItsRows(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s, _ := start(t, o)
	post(t, s, []pay.Scope{"m/a"}, claim(t, 1))
	before := rowsOf(t, o.Engine)
	keys := []string{"", "\x00", "mf", "r", "\xff", "\xff\xff", "h" + "m/a"}
	do(t, s, func(tx *store.Tx) error {
		for _, key := range keys {
			if err := tx.Put([]byte(key), []byte("mine "+key)); err != nil {
				return err
			}
		}
		return nil
	})
	scan := func(r pay.Rows, from, to []byte, limit int) (got []string) {
		err := r.Scan(from, to, limit, func(key, value []byte) bool {
			if string(value) != "mine "+string(key) {
				t.Errorf("row %q holds %q", key, value)
			}
			got = append(got, string(key))
			return true
		})
		if err != nil {
			t.Error(err)
		}
		return got
	}
	slices.Sort(keys)
	view(t, s, func(v *store.View) error {
		for _, tc := range []struct {
			from, to []byte
			limit    int
			want     []string
		}{
			{nil, nil, 0, keys},
			{nil, nil, 2, keys[:2]},
			{nil, []byte{}, 0, nil},
			{[]byte("h"), []byte("s"), 0, []string{"hm/a", "mf", "r"}},
			{[]byte("\xff"), nil, 0, []string{"\xff", "\xff\xff"}},
		} {
			if got := scan(v, tc.from, tc.to, tc.limit); !slices.Equal(got, tc.want) {
				t.Errorf("Scan(%q, %q, %d) = %q, want %q", tc.from, tc.to, tc.limit, got, tc.want)
			}
		}
		return nil
	})
	do(t, s, func(tx *store.Tx) error {
		for _, key := range keys {
			if err := tx.Delete([]byte(key)); err != nil {
				return err
			}
		}
		if got := scan(tx, nil, nil, 0); got != nil {
			t.Errorf("rows %q are left", got)
		}
		return nil
	})
	if after := rowsOf(t, o.Engine); !maps.Equal(before, after) {
		t.Errorf("rows of others changed")
	}
}
