package rows_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/btree"
	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// memory is a pay.WritableRows in memory.
type memory struct{ values btree.Map[string, []byte] }

func (m *memory) Get(key []byte) ([]byte, bool, error) {
	v, ok := m.values.Get(string(key))
	return bytes.Clone(v), ok, nil
}

func (m *memory) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	n, snapshot := 0, m.values.Copy()
	snapshot.Ascend(string(from), func(k string, v []byte) bool {
		if to != nil && k >= string(to) || limit > 0 && n == limit {
			return false
		}
		n++
		key, value := []byte(k), bytes.Clone(v)
		more := fn(key, value)
		clear(key) // nobody may keep them
		clear(value)
		return more
	})
	return nil
}

func (m *memory) Put(key, value []byte) error {
	m.values.Set(string(key), bytes.Clone(value))
	return nil
}

func (m *memory) Delete(key []byte) error {
	m.values.Delete(string(key))
	return nil
}

func (*memory) Fact(pay.FactID) (pay.Fact, bool, error) { return pay.Fact{}, false, nil }

func (*memory) SetAside(pay.Subject) (bool, error) { return false, nil }

func (*memory) Wake(pay.Time, pay.Subject) error { return nil }

func must(t interface{ Fatalf(string, ...any) }, e error) {
	if e != nil {
		t.Fatalf("unexpected: %v", e)
	}
}

type ref struct {
	Number uint32 `cbor:"1,keyasint"`
}

var (
	payments = rows.New("p/", "payments", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[ref]())
	owned    = rows.New("o/", "the devices of wallets", rows.Join(rows.TextUntil[pay.Scope]("WALLET", 0), rows.ID[pay.DeviceID]("DEVICE")), rows.None())
	findings = rows.New("x", "findings", rows.Join(rows.ID[pay.PaymentID]("PAYMENT"), rows.Join(rows.Uint32[uint32]("SEQ"), rows.ID[pay.FactID]("FACT"))), rows.Text[string]("why"))
	newest   = rows.New("t", "payments, newest first", rows.Join(rows.Descending("CREATED"), rows.ID[pay.PaymentID]("PAYMENT")), rows.None())
	oldest   = rows.New("u", "moments", rows.Ascending("AT"), rows.Int64[pay.Amount]("amount"))
	accounts = rows.New("b/", "accounts", rows.Join(rows.TextUntil[pay.Currency]("CURRENCY", '/'), rows.Text[pay.Scope]("OWNER")), rows.CBOR[ref]())
	invites  = rows.New("i/", "invites", rows.ID8[pay.InviteID]("INVITE"), rows.None())
	number   = rows.NewSingle("n", "the newest number", rows.Uint32[uint32]("NUMBER"))
	spaces   = rows.Spaces{payments.Space, owned.Space, findings.Space, newest.Space, oldest.Space, accounts.Space, invites.Space, number.Space}
)

type pair[A, B any] = rows.Pair[A, B]

// TestBytes holds the bytes of keys and values against what stores of old hold.
func TestBytes(t *testing.T) {
	t.Parallel()
	id, text := pay.PaymentID{1, 31: 0xff}, "01"+fmt.Sprintf("%060d", 0)+"ff"
	for name, tc := range map[string]struct {
		put                func(*memory) error
		layout, key, value string
	}{
		"id": {func(m *memory) error { return payments.Put(m, id, ref{7}) }, "p/PAYMENT", "702f" + text, "a10107"},
		"text and id": {func(m *memory) error {
			return owned.Put(m, pair[pay.Scope, pay.DeviceID]{"w/a", pay.DeviceID(id)}, struct{}{})
		}, "o/WALLET 00 DEVICE", "6f2f" + "772f61" + "00" + text, ""},
		"three parts": {func(m *memory) error {
			return findings.Put(m, pair[pay.PaymentID, pair[uint32, pay.FactID]]{id, pair[uint32, pay.FactID]{258, pay.FactID(id)}}, "no")
		}, "x PAYMENT SEQ FACT", "78" + text + "00000102" + text, "6e6f"},
		"later first":  {func(m *memory) error { return newest.Put(m, pair[pay.Time, pay.PaymentID]{1, id}, struct{}{}) }, "t CREATED PAYMENT", "74" + "7ffffffffffffffe" + text, ""},
		"before 1970":  {func(m *memory) error { return newest.Put(m, pair[pay.Time, pay.PaymentID]{-1, id}, struct{}{}) }, "t CREATED PAYMENT", "74" + "8000000000000000" + text, ""},
		"sooner first": {func(m *memory) error { return oldest.Put(m, 1, -2) }, "u AT", "75" + "8000000000000001", "fffffffffffffffe"},
		"two texts":    {func(m *memory) error { return accounts.Put(m, pair[pay.Currency, pay.Scope]{"EUR", "w/a"}, ref{1}) }, "b/CURRENCY/OWNER", hex.EncodeToString([]byte("b/EUR/w/a")), "a10101"},
		"short id":     {func(m *memory) error { return invites.Put(m, pay.InviteID{1}, struct{}{}) }, "i/INVITE", "692f" + "0100000000000000", ""},
		"single row":   {func(m *memory) error { return number.Put(m, 513) }, "n", "6e", "00000201"},
	} {
		m := &memory{}
		must(t, tc.put(m))
		key, value, _ := m.values.Min()
		if hex.EncodeToString([]byte(key)) != tc.key || hex.EncodeToString(value) != tc.value {
			t.Errorf("%s: row is %x = %x, want %s = %s", name, key, value, tc.key, tc.value)
		}
		space, ok := spaces.Find([]byte(key))
		if !ok || space.Layout() != tc.layout || spaces.Check([]byte(key), value) != nil {
			t.Errorf("%s: lies in %q (%v), %v", name, space.Layout(), ok, spaces.Check([]byte(key), value))
		}
	}
}

// TestWhatPutWritesIsRead writes any rows of any table, reads them back by key
// and by walking, and sees that no shorter key is taken for one.
func TestWhatPutWritesIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m, want := &memory{}, map[pair[pay.PaymentID, pair[uint32, pay.FactID]]]string{}
		for range rapid.IntRange(0, 5).Draw(rt, "rows") {
			k := pair[pay.PaymentID, pair[uint32, pay.FactID]]{someID(rt), pair[uint32, pay.FactID]{rapid.Uint32().Draw(rt, "seq"), pay.FactID(someID(rt))}}
			want[k] = rapid.String().Draw(rt, "why")
			must(rt, findings.Put(m, k, want[k]))
		}
		n := 0
		must(rt, findings.Each(m, findings.All(), func(k pair[pay.PaymentID, pair[uint32, pay.FactID]], v string) error {
			if n++; want[k] != v {
				rt.Fatalf("%v is %q, want %q", k, v, want[k])
			}
			got, ok, err := findings.Get(m, k)
			if !ok || got != v {
				rt.Fatalf("%v is %q (%v, %v) by its key", k, got, ok, err)
			}
			return err
		}))
		if count, err := findings.Count(m); n != len(want) || count != n || err != nil {
			rt.Fatalf("%d rows, %d counted, want %d, %v", n, count, len(want), err)
		}
		for _, key := range m.values.Keys() {
			for n := range len(key) {
				if spaces.Check([]byte(key[:n]), nil) == nil {
					rt.Fatalf("%d bytes of %x are a key", n, key)
				}
			}
			if spaces.Check([]byte(key+"x"), nil) == nil {
				rt.Fatalf("a byte behind %x is not noticed", key)
			}
		}
	})
}

// someID returns an id of few and extreme bytes, so that beginnings collide.
func someID(rt *rapid.T) pay.PaymentID {
	return pay.PaymentID(bytes.Repeat([]byte{rapid.SampledFrom([]byte{0x00, 0x01, 0xff}).Draw(rt, "byte")}, 32))
}

func TestMomentsSortInBothDirections(t *testing.T) {
	t.Parallel()
	times := []pay.Time{math.MinInt64, -5, -1, 0, 1, 5, math.MaxInt64}
	m := &memory{}
	for _, at := range []int{3, 0, 6, 2, 5, 1, 4} {
		must(t, oldest.Put(m, times[at], pay.Amount(at)))
		must(t, newest.Put(m, pair[pay.Time, pay.PaymentID]{First: times[at]}, struct{}{}))
	}
	up, err := oldest.Keys(m, oldest.All(), 0)
	if err != nil || !slices.Equal(up, times) {
		t.Errorf("ascending: %v, %v", up, err)
	}
	var down []pay.Time
	must(t, newest.Each(m, newest.All(), func(k pair[pay.Time, pay.PaymentID], _ struct{}) error {
		down = append(down, k.First)
		return nil
	}))
	slices.Reverse(down)
	if !slices.Equal(down, times) {
		t.Errorf("descending, turned round: %v", down)
	}
}

// TestRanges lists which of the keys 0..9 each range holds.
func TestRanges(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range byte(10) {
		must(t, payments.Put(m, pay.PaymentID{i}, ref{uint32(i)}))
	}
	must(t, m.Put([]byte("o/z"), nil)) // the neighbours
	must(t, m.Put([]byte("q"), nil))
	id := func(i byte) pay.PaymentID { return pay.PaymentID{i} }
	for name, tc := range map[string]struct {
		within rows.Range
		limit  int
		want   string
	}{
		"all":               {payments.All(), 0, "0123456789"},
		"three of all":      {payments.All(), 3, "012"},
		"behind":            {payments.Behind(id(6)), 0, "789"},
		"behind none":       {payments.Behind(pay.PaymentID{6, 1}), 0, "789"},
		"between":           {payments.Between(id(2), id(5)), 0, "234"},
		"between the same":  {payments.Between(id(2), id(2)), 0, ""},
		"through":           {payments.Through(id(2), id(5)), 0, "2345"},
		"through the same":  {payments.Through(id(2), id(2)), 0, "2"},
		"through to no row": {payments.Through(id(8), pay.PaymentID(bytes.Repeat([]byte{0xff}, 32))), 0, "89"},
	} {
		var got string
		must(t, payments.Scan(m, tc.within, tc.limit, func(_ pay.PaymentID, v ref) bool {
			got += fmt.Sprint(v.Number)
			return true
		}))
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if keys, err := payments.Keys(m, tc.within, tc.limit); err != nil || len(keys) != len(tc.want) {
			t.Errorf("%s: %d keys, %v", name, len(keys), err)
		}
	}
}

// TestUnderKeepsNeighboursApart has first parts that begin with one another.
func TestUnderKeepsNeighboursApart(t *testing.T) {
	t.Parallel()
	m := &memory{}
	last := pay.PaymentID(bytes.Repeat([]byte{0xff}, 32))
	for _, scope := range []pay.Scope{"w/a", "w/ab", "w/b"} {
		for i := range byte(3) {
			must(t, owned.Put(m, pair[pay.Scope, pay.DeviceID]{scope, pay.DeviceID{i}}, struct{}{}))
		}
	}
	for _, id := range []pay.PaymentID{{}, last} {
		must(t, findings.Put(m, pair[pay.PaymentID, pair[uint32, pay.FactID]]{First: id}, ""))
	}
	for name, tc := range map[string]struct{ got, want int }{
		"a short scope": {len(keysOf(t, m, owned, rows.Under(owned, "w/a"))), 3},
		"a long scope":  {len(keysOf(t, m, owned, rows.Under(owned, "w/ab"))), 3},
		"no scope":      {len(keysOf(t, m, owned, rows.Under(owned, "w/"))), 0},
		"the last id":   {len(keysOf(t, m, findings, rows.Under(findings, last))), 1},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %d rows, want %d", name, tc.got, tc.want)
		}
	}
}

func keysOf[K, V any](t *testing.T, m *memory, table rows.Table[K, V], within rows.Range) []K {
	t.Helper()
	keys, err := table.Keys(m, within, 0)
	must(t, err)
	return keys
}

// TestEachReadsPages walks more rows than one page holds while it takes them away
// and adds others, and stops where fn returns an error.
func TestEachReadsPages(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for i := range 1_000 {
		must(t, oldest.Put(m, pay.Time(i), pay.Amount(i)))
	}
	next := pay.Time(0)
	must(t, oldest.Each(m, oldest.All(), func(at pay.Time, _ pay.Amount) error {
		if at != next {
			t.Fatalf("%d came where %d should be", at, next)
		}
		next++
		return errors.Join(oldest.Delete(m, at), payments.Put(m, pay.PaymentID{byte(at), byte(at >> 8)}, ref{}))
	}))
	left, err := oldest.Count(m)
	if ok, hasErr := payments.Has(m, pay.PaymentID{1, 1}); next != 1_000 || left != 0 || !ok || hasErr != nil || err != nil {
		t.Errorf("%d rows seen, %d left, %v %v %v", next, left, ok, hasErr, err)
	}
	stop, seen := errors.New("enough"), 0
	err = payments.Each(m, payments.All(), func(pay.PaymentID, ref) error {
		seen++
		return stop
	})
	if !errors.Is(err, stop) || seen != 1 {
		t.Errorf("went on to %d rows, %v", seen, err)
	}
}

// TestDamage has one good row, one without a readable value and one without a
// readable key.
func TestDamage(t *testing.T) {
	t.Parallel()
	m := &memory{}
	must(t, payments.Put(m, pay.PaymentID{1}, ref{1}))
	bad := pay.PaymentID{2}
	must(t, m.Put(append([]byte("p/"), bad[:]...), []byte{0xff}))
	must(t, m.Put([]byte("p/short"), nil))
	if _, ok, err := payments.Get(m, bad); ok || !errors.Is(err, rows.ErrDamaged) || !errors.Is(err, pay.ErrNotCanonical) {
		t.Errorf("get: %v, %v", ok, err)
	}
	if ok, err := payments.Has(m, bad); !ok || err != nil {
		t.Errorf("has: %v, %v", ok, err)
	}
	var good, values, keys int
	must(t, payments.Walk(m, payments.All(), func(k pay.PaymentID, v ref, damage error) error {
		var key *rows.KeyError
		switch {
		case errors.As(damage, &key) && string(key.Key) == "p/short" && errors.Is(damage, rows.ErrDamaged):
			keys++
		case errors.Is(damage, rows.ErrDamaged) && k == bad:
			values++
		case damage == nil && v == ref{1}:
			good++
		}
		return nil
	}))
	if good != 1 || values != 1 || keys != 1 {
		t.Errorf("%d good rows, %d bad values, %d bad keys", good, values, keys)
	}
	for name, err := range map[string]error{
		"each":  payments.Each(m, payments.All(), func(pay.PaymentID, ref) error { return nil }),
		"scan":  payments.Scan(m, payments.All(), 0, func(pay.PaymentID, ref) bool { return true }),
		"keys":  second(payments.Keys(m, payments.All(), 0)),
		"check": spaces.Check([]byte("p/short"), nil),
		"value": spaces.Check(append([]byte("p/"), bad[:]...), []byte{0xff}),
		"space": spaces.Check([]byte("z"), nil),
		"all":   spaces.CheckAll(m, func(damage error) error { return damage }),
	} {
		if !errors.Is(err, rows.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckAllNamesEachDamagedRow(t *testing.T) {
	t.Parallel()
	m, told := &memory{}, []string{}
	for i := range byte(100) {
		must(t, payments.Put(m, pay.PaymentID{i}, ref{}))
		must(t, m.Put([]byte{'p', '/', i}, nil))
		must(t, m.Put([]byte{'y', i, 1}, nil))
		must(t, m.Put([]byte{'y', i, 2}, nil))
	}
	must(t, spaces.CheckAll(m, func(damage error) error {
		told = append(told, damage.Error())
		return nil
	}))
	if len(told) != 300 || !strings.Contains(told[0], "key: ") || !strings.Contains(told[299], "no space") {
		t.Errorf("%d rows are damaged, from %s to %s", len(told), told[0], told[len(told)-1])
	}
}

func second[T any](_ T, err error) error { return err }

func TestSpacesThatOverlapAreNamed(t *testing.T) {
	t.Parallel()
	must(t, spaces.CheckApart())
	for _, prefix := range []string{"p/", "p", "p/x", "", "y\xff"} {
		if err := append(slices.Clone(spaces), rows.New(prefix, "more", rows.None(), rows.None()).Space).CheckApart(); err == nil {
			t.Errorf("%q stands beside the others", prefix)
		}
	}
}
