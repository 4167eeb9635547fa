package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// verifySince returns what VerifySince says, and what it calls fresh.
func verifySince(t *testing.T, s *store.Store, m store.Mark, workers int) (fresh []pay.FactID, err error) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		err = v.VerifySince(t.Context(), m, store.VerifyOptions{Key: keyOf(t), Workers: workers}, func(f pay.Fact) error {
			fresh = append(fresh, f.ID())
			return nil
		})
		return nil
	})
	return fresh, err
}

// grownStore is a registry's store that was marked, and has grown since: by entries of
// two feeds, one of them new, a claim of a node, and a fact that it had before.
func grownStore(t *testing.T) (s *store.Store, e kv.Engine, m store.Mark) {
	t.Helper()
	o := registryOptions()
	s, stop := start(t, o)
	defer stop()
	apply := func(n uint64, f pay.Fact) {
		t.Helper()
		if _, err := s.Feeds().Apply(t.Context(), pay.NodeID{7}, pay.Incarnation{1}, []pay.Item{{N: n, Facts: []pay.Fact{f}}}); err != nil {
			t.Fatal(err)
		}
	}
	post(t, s, []pay.Scope{"m/a"}, claim(t, 1), claim(t, 2))
	apply(1, claim(t, 3))
	view(t, s, func(v *store.View) (err error) { m, err = v.Mark(); return err })
	post(t, s, []pay.Scope{"m/a", "w/b"}, claim(t, 11), claim(t, 12))
	apply(2, claim(t, 13))
	post(t, s, []pay.Scope{"m/a"}, claim(t, 3))
	return s, o.Engine, m
}

// TestVerifySince verifies what is new, with any number of workers, and a Mark of the
// end says that nothing is.
func TestVerifySince(t *testing.T) {
	t.Parallel()
	s, _, m := grownStore(t)
	for _, workers := range []int{0, 3} {
		fresh, err := verifySince(t, s, m, workers)
		if want := ids(claim(t, 11), claim(t, 12), claim(t, 3)); err != nil || !slices.Equal(fresh, want) {
			t.Errorf("fresh %v, %v, want %v", fresh, err, want)
		}
	}
	var end store.Mark
	view(t, s, func(v *store.View) (err error) { end, err = v.Mark(); return err })
	if fresh, err := verifySince(t, s, end, 0); err != nil || len(fresh) != 0 {
		t.Errorf("since the end: %v, %v", fresh, err)
	}
	view(t, s, func(v *store.View) error {
		no := errors.New("no")
		if err := v.VerifySince(t.Context(), m, store.VerifyOptions{}, func(pay.Fact) error { return no }); !errors.Is(err, no) {
			t.Errorf("VerifySince = %v", err)
		}
		return nil
	})
}

// TestVerifySinceAnotherHistory: a mark of another history, of another format or of a
// later copy is none of this store.
func TestVerifySinceAnotherHistory(t *testing.T) {
	t.Parallel()
	s, _, m := grownStore(t)
	for name, bend := range map[string]func(*store.Mark){
		"epoch":        func(m *store.Mark) { m.Epoch[0]++ },
		"format":       func(m *store.Mark) { m.Format++ },
		"head":         func(m *store.Mark) { m.Head[0]++ },
		"later":        func(m *store.Mark) { m.Log = 1 << 40 },
		"outbox":       func(m *store.Mark) { m.Sent[len(m.Sent)-1]++ },
		"outbox ahead": func(m *store.Mark) { m.Sent[32+8+7] += 9 },
		"outbox gone":  func(m *store.Mark) { m.Sent[0]++ },
		"cut short":    func(m *store.Mark) { m.Sent = m.Sent[:40] },
	} {
		bent := m
		bent.Sent = slices.Clone(m.Sent)
		bend(&bent)
		_, err := verifySince(t, s, bent, 0)
		want := store.ErrMark
		if name == "outbox" || name == "cut short" {
			want = store.ErrDamaged
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerifySinceFindsAnyChange of a new row, whoever put its checksum right; of older
// ones only where the new lead to them.
func TestVerifySinceFindsAnyChange(t *testing.T) {
	t.Parallel()
	s, e, m := grownStore(t)
	// Of the bytes of a row without its checksum, those that say something which rests
	// on what is new: nil for none.
	tells := func(key string, i int) bool {
		switch f := pay.FactID([]byte(key + strings.Repeat("\x00", 32))[1:33]); key[0] {
		case 'f', 'i':
			return slices.Contains(ids(claim(t, 11), claim(t, 12), claim(t, 13)), f)
		case 'h':
			return i < 40 || i >= 56 // between them is the digest of the whole feed
		case 'a':
			return i >= 8 && i < 16 || i >= 24 // the others are incarnations
		default:
			return false
		}
	}
	rows := rowsOf(t, e)
	tried := map[byte]int{}
	for key, value := range rows {
		if !tells(key, 0) && !tells(key, 30) {
			continue
		}
		for i := range len(value) - 4 {
			if !tells(key, i) {
				continue
			}
			b := []byte(value[:len(value)-4])
			b[i] ^= 1 << (i % 8)
			tried[key[0]]++
			write(t, e, func(tx kv.Tx) error { return tx.Put([]byte(key), sealed(key, string(b))) })
			if _, err := verifySince(t, s, m, 0); err == nil {
				t.Errorf("byte %d of row %q was changed and nothing was found", i, key)
			}
		}
		write(t, e, func(tx kv.Tx) error { return tx.Delete([]byte(key)) })
		if _, err := verifySince(t, s, m, 0); err == nil && key[0] != 'i' {
			t.Errorf("row %q is gone and nothing was found", key)
		}
		write(t, e, func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(value)) })
	}
	for _, space := range "fha" {
		if tried[byte(space)] == 0 {
			t.Errorf("no row of space %c was tried", space)
		}
	}
	if _, err := verifySince(t, s, m, 0); err != nil {
		t.Error(err)
	}
}
