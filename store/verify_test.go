package store_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// verified returns what Verify finds on a snapshot of its own.
func verified(ctx context.Context, s *store.Store, keyOf func(f pay.Fact) (key pay.PublicKey, ok bool)) (findings []string, err error) {
	err = s.View(ctx, func(v *store.View) error {
		findings, err = v.Verify(ctx, store.VerifyOptions{Key: keyOf})
		return err
	})
	return findings, err
}

// alike is how many claims from 20 on, and at a node from 40 on, there are in
// everything, so that there are runs.
const alike = 16

// everything returns a store with rows in every space that its kind has.
func everything(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	o.Reactor = newWard(7, 8)
	s, stop := start(t, o)
	defer stop()
	do(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.Put([]byte("balance"), []byte("100")), tx.Wake(noon+1000, payment(1).Subject()),
			tx.Wake(noon, payment(7).Subject()), tx.Wake(noon, payment(7).Subject()),
			tx.Publish(pay.Reaction{Effects: []pay.Effect{effect(1, "one"), effect(8, "two"), effect(2, "three")}}))
	})
	finish(t, s, 2, "result")
	finish(t, s, 3, "result")
	if o.Own == pay.ScopeRegistry {
		post(t, s, []pay.Scope{"m/a", "w/b"}, claim(t, 1), claim(t, 2))
		if _, err := s.Feeds().Apply(t.Context(), pay.NodeID{7}, pay.Incarnation{1}, []pay.Item{{N: 1, Facts: []pay.Fact{claim(t, 3), claim(t, 4)}}}); err != nil {
			t.Fatal(err)
		}
		post(t, s, []pay.Scope{"m/a"}, claim(t, 4)) // which is there already
		for n := range alike {                      // more than are kept outside of runs
			post(t, s, []pay.Scope{"m/a"}, claim(t, 20+n))
			item := pay.Item{N: uint64(n) + 2, Facts: []pay.Fact{claim(t, 20+n)}}
			if _, err := s.Feeds().Apply(t.Context(), pay.NodeID{7}, pay.Incarnation{1}, []pay.Item{item}); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	from := pay.Cursor{Epoch: pay.Epoch{1}}
	if _, err := s.Journal().Mirror(t.Context(), from, []pay.Fact{claim(t, 1), claim(t, 2)}, pay.Acked{}); err != nil {
		t.Fatal(err)
	}
	post(t, s, nil, claim(t, 3), claim(t, 4))
	acked(t, s, 1, nil)
	attach(t, s, claim(t, 4), claim(t, 5))
	post(t, s, nil, claim(t, 3)) // which is there already, and so is claim 4
	var more []pay.Fact
	for n := range alike {
		more = append(more, claim(t, 20+n))
	}
	if _, err := s.Journal().Mirror(t.Context(), from, append([]pay.Fact{claim(t, 1), claim(t, 2), claim(t, 4)}, more...), pay.Acked{}); err != nil {
		t.Fatal(err)
	}
	for n := range alike {
		post(t, s, nil, claim(t, 40+n))
	}
	return s
}

func keyOf(t testing.TB) func(f pay.Fact) (pay.PublicKey, bool) {
	keys := map[pay.NodeID]pay.PublicKey{}
	for n := range byte(10) {
		k := testKey(t, n).Public()
		keys[k.ID()] = k
	}
	return func(f pay.Fact) (pay.PublicKey, bool) {
		k, ok := keys[f.Signer()]
		return k, ok
	}
}

// changes calls fn for every row with a copy in which one byte of key or value
// is not what was written. Of the claims that are alike it takes one.
func changes(t testing.TB, rows map[string]string, fn func(key, value, newKey, newValue string)) {
	skip := map[string]bool{}
	for n := range alike - 1 {
		skip["f"+string(idBytes(claim(t, 21+n)))] = true
		skip["f"+string(idBytes(claim(t, 41+n)))] = true
	}
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		value := rows[key]
		if skip[key] {
			continue
		}
		for i := range len(key) {
			b := []byte(key)
			b[i] ^= 1 << (i % 8)
			if _, taken := rows[string(b)]; !taken {
				fn(key, value, string(b), value)
			}
		}
		step := 1
		if len(value) > 200 { // items of one form
			step = 5
		}
		for i := 0; i < len(value); i += step {
			b := []byte(value)
			b[i] ^= 1 << (i % 8)
			fn(key, value, key, string(b))
		}
	}
}

func TestVerifyFindsAnyFlippedByte(t *testing.T) {
	t.Parallel()
	for _, o := range []store.Options{registryOptions(), nodeOptions()} {
		t.Run(string(o.Own), func(t *testing.T) {
			t.Parallel()
			s := everything(t, o)
			sound(t, s)
			rows := rowsOf(t, o.Engine)
			spaces := map[byte]bool{}
			changes(t, rows, func(key, value, newKey, newValue string) {
				spaces[key[0]] = true
				findWith(t, s, o.Engine, key, value, newKey, []byte(newValue), nil)
			})
			want := 11
			if len(spaces) < want {
				t.Errorf("only %d key spaces were tried", len(spaces))
			}
			sound(t, s)
		})
	}
}

// Whoever rewrites a row and its checksum is caught by the ids, the chain, the
// digest, the places or the signature.
func TestVerifyFindsRewrittenHistory(t *testing.T) {
	t.Parallel()
	for _, o := range []store.Options{registryOptions(), nodeOptions()} {
		t.Run(string(o.Own), func(t *testing.T) {
			t.Parallel()
			s := everything(t, o)
			rows := map[string]string{}
			for key, value := range rowsOf(t, o.Engine) {
				if strings.ContainsRune("efhiloqu", rune(key[0])) {
					rows[key] = value[:len(value)-4]
				}
			}
			changes(t, rows, func(key, value, newKey, newValue string) {
				if strings.ContainsRune("adr", rune(newKey[0])) {
					return // a row of a space whose content is anybody's guess
				}
				only := func(f pay.Fact) (pay.PublicKey, bool) { // verifying all of them each time would take long
					return testKey(t, 1).Public(), string(idBytes(f)) == key[1:]
				}
				findWith(t, s, o.Engine, key, string(sealed(key, value)), newKey, sealed(newKey, newValue), only)
			})
		})
	}
}

// findWith puts a changed row in the place of another, expects a finding, and
// puts things right.
func findWith(t *testing.T, s *store.Store, e kv.Engine, key, value, newKey string, newValue []byte, keyOf func(pay.Fact) (pay.PublicKey, bool)) {
	t.Helper()
	write(t, e, func(tx kv.Tx) error {
		return errors.Join(tx.Delete([]byte(key)), tx.Put([]byte(newKey), newValue))
	})
	findings, err := verified(context.Background(), s, keyOf)
	if err == nil && len(findings) == 0 {
		t.Errorf("nothing found: row %q %s became %q %s", key, hex.EncodeToString([]byte(value)), newKey, hex.EncodeToString(newValue))
	}
	if err != nil {
		t.Errorf("Verify could not go on: %v", err)
	}
	write(t, e, func(tx kv.Tx) error {
		return errors.Join(tx.Delete([]byte(newKey)), tx.Put([]byte(key), []byte(value)))
	})
}

func TestVerifyFindsMissingRows(t *testing.T) {
	t.Parallel()
	for _, o := range []store.Options{registryOptions(), nodeOptions()} {
		s := everything(t, o)
		for key, value := range rowsOf(t, o.Engine) {
			if strings.ContainsRune("adr", rune(key[0])) {
				continue
			}
			if key[0] == 'f' && o.Own == pay.ScopeRegistry && key[1:] == string(idBytes(claim(t, 3))) {
				continue // stands in no feed
			}
			write(t, o.Engine, func(tx kv.Tx) error { return tx.Delete([]byte(key)) })
			if findings, err := verified(t.Context(), s, nil); err != nil || len(findings) == 0 {
				t.Errorf("row %q is missing and Verify = %q, %v", key, findings, err)
			}
			write(t, o.Engine, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
		}
	}
}

func TestVerifyFindsRowsThatShouldNotBe(t *testing.T) {
	t.Parallel()
	three := string(idBytes(claim(t, 3)))
	two := "\x00\x00\x00\x00\x00\x00\x00\x02"
	nine := "\x00\x00\x00\x00\x00\x00\x00\x09"
	aside := "xp" + idText(payment(7))
	for name, row := range map[string]struct{ key, value string }{
		"row of the log behind its end":         {"l" + nine, three},
		"effect that was never asked for":       {"j" + nine, string(pay.Encode(map[int]pay.Effect{1: effect(1, "x")}))},
		"effect that was finished":              {"j\x00\x00\x00\x00\x00\x00\x00\x03", string(pay.Encode(map[int]pay.Effect{1: effect(1, "x")}))},
		"that which waits without its subject":  {"xp" + three + "\x00\x00\x00\x00", strings.Repeat("\x00", 16)},
		"that which waits and is not counted":   {aside + "\x00\x00\x00\x09", strings.Repeat("\x00", 16)},
		"result that waits and is not there":    {aside + "\x00\x00\x00\x01", strings.Repeat("\x00", 15) + "\x01"},
		"subject set aside without a cause":     {"xp" + three, strings.Repeat("\x00", 20)},
		"place of a fact that is not there":     {"i" + three + string(boxScope), two},
		"place in a feed that does not exist":   {"i" + three + "m/none", two},
		"number of an item without the fact":    {"q" + three, two},
		"number of an item that is not there":   {"q" + three, nine},
		"item that is not in the outbox":        {"o" + nine, strings.Repeat("\x00", 8) + three},
		"entry behind the end":                  {"e" + string(boxScope) + "\x00" + nine, three + three},
		"entry of another feed":                 {"em/none\x00" + two, three + three},
		"head of a feed that does not exist":    {"hm/none", two + strings.Repeat("\x00", 48)},
		"fact under another id":                 {"f" + strings.Repeat("x", 32), string(claim(t, 3).Raw())},
		"number applied of no item":             {"a" + three, "12345678" + strings.Repeat("\x00", 8)},
		"deadline with a value":                 {"d" + strings.Repeat("x", 44), "x"},
		"meta row that nobody knows":            {"mz", ""},
		"key space that nobody knows":           {"z", ""},
		"outbox item from before its beginning": {"o\x00\x00\x00\x00\x00\x00\x00\x01", strings.Repeat("\x00", 8) + three},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := nodeOptions()
			s := everything(t, o)
			write(t, o.Engine, func(tx kv.Tx) error { return tx.Put([]byte(row.key), sealed(row.key, row.value)) })
			if findings, err := verified(t.Context(), s, nil); err != nil || len(findings) == 0 {
				t.Errorf("Verify = %q, %v", findings, err)
			}
		})
	}
}

func idBytes(f pay.Fact) []byte {
	id := f.ID()
	return id[:]
}

func TestVerifyHoldsSignaturesAgainstKeys(t *testing.T) {
	t.Parallel()
	s := everything(t, registryOptions())
	wrong := func(f pay.Fact) (pay.PublicKey, bool) { return testKey(t, 5).Public(), f.ID() == claim(t, 2).ID() }
	findings, err := verified(t.Context(), s, wrong)
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0], claim(t, 2).ID().String()) {
		t.Errorf("Verify = %q, %v", findings, err)
	}
	if findings, err := verified(t.Context(), s, keyOf(t)); err != nil || len(findings) != 0 {
		t.Errorf("Verify = %q, %v", findings, err)
	}
}

func TestVerifyIsBounded(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s := everything(t, o)
	write(t, o.Engine, func(tx kv.Tx) error {
		for n := range 250 {
			if err := tx.Put([]byte(fmt.Sprintf("x%03d", n)), nil); err != nil {
				return err
			}
		}
		return nil
	})
	findings, err := verified(t.Context(), s, nil)
	if err != nil || len(findings) != 101 || findings[100] != "and 150 more" {
		t.Errorf("%d findings, the last %q, %v", len(findings), findings[len(findings)-1], err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	view(t, s, func(v *store.View) error {
		if _, err := v.Verify(ctx, store.VerifyOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("Verify with an ended context = %v", err)
		}
		return nil
	})
}

// A damaged row is an error wherever it is read, not only in an audit.
func TestDamagedRowsAreNotRead(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s := everything(t, o)
	run := map[string]func(v *store.View) error{
		"f": func(v *store.View) error { _, _, err := v.Fact(claim(t, 1).ID()); return err },
		"h": func(v *store.View) error { _, err := v.Head("m/a"); return err },
		"e": func(v *store.View) error { _, _, err := v.Feed("m/a", 0, 0); return err },
		"r": func(v *store.View) error { _, _, err := v.Get([]byte("balance")); return err },
		"a": func(v *store.View) error { _, err := v.Applied(pay.NodeID{7}, pay.Incarnation{1}); return err },
	}
	for key, value := range rowsOf(t, o.Engine) {
		write(t, o.Engine, func(tx kv.Tx) error {
			b := []byte(value)
			b[0] ^= 0x10
			return tx.Put([]byte(key), b)
		})
	}
	for space, read := range run {
		err := s.View(t.Context(), read)
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("reading space %s: %v", space, err)
		}
	}
}

// A fact that was read before is not shown in place of other bytes.
func TestRememberedFactDoesNotHideADamagedOne(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	s := everything(t, o)
	read := func(v *store.View) error { _, _, err := v.Fact(claim(t, 1).ID()); return err }
	view(t, s, read)
	key := "f" + string(idBytes(claim(t, 1)))
	raw := []byte(rowsOf(t, o.Engine)[key])
	raw[len(raw)-100] ^= 1 // behind its places, before its signature
	write(t, o.Engine, func(tx kv.Tx) error { return tx.Put([]byte(key), sealed(key, string(raw[:len(raw)-4]))) })
	if err := s.View(t.Context(), read); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Fact = %v", err)
	}
}

func idText(p pay.PaymentID) string { return string(p[:]) }
