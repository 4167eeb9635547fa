package store_test

import (
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// format1 returns an engine with what the program of format 1 wrote. Each line
// of the file is a key and a value in hexadecimal.
func format1(t testing.TB, name string) kv.Engine {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "format1-"+name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	e := kv.NewMemory()
	write(t, e, func(tx kv.Tx) error {
		for line := range strings.Lines(string(raw)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			k, err := hex.DecodeString(key)
			if err != nil {
				t.Fatal(err)
			}
			v, err := hex.DecodeString(value)
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.Put(k, v); err != nil {
				return err
			}
		}
		return nil
	})
	return e
}

// A registry's store of format 1 is of format 2 once it has run: its feeds
// and deadlines are there, and the log begins with what is published next.
func TestRegistryOfFormat1GoesOn(t *testing.T) {
	t.Parallel()
	clock := newHand(noon)
	o := registryOptions()
	o.Engine, o.Now, o.Reactor, o.Authority = format1(t, "registry"), clock.now, fires, authority(t)
	before := rowsOf(t, o.Engine)
	sound(t, open(t, o))
	if !maps.Equal(before, rowsOf(t, o.Engine)) {
		t.Error("opening the store changed it")
	}
	s, stop := start(t, o)
	sound(t, s)
	want := ids(authority(t), claim(t, 1), claim(t, 2))
	if got := feed(t, s, "m/a"); !slices.Equal(got, want) {
		t.Errorf("feed %v, want %v", got, want)
	}
	if got := logOf(t, s, 0); len(got) != 0 {
		t.Errorf("log %v, want none", got)
	}
	clock.move(5000)
	do(t, s, func(*store.Tx) error { return nil })
	if one, two := fired(t, s, payment(1)), fired(t, s, payment(2)); one != 2 || two != 1 {
		t.Errorf("deadlines fired %d and %d times, want 2 and 1", one, two)
	}
	post(t, s, []pay.Scope{"m/a", "w/c"}, claim(t, 1), claim(t, 3), claim(t, 4))
	if got := logOf(t, s, 0); !slices.Equal(got, ids(claim(t, 3), claim(t, 4))) {
		t.Errorf("log %v", got)
	}
	sound(t, s)
	stop()
	after := rowsOf(t, o.Engine)
	if got := after["mf"][:4]; got != "\x00\x00\x00\x04" {
		t.Errorf("format is %x", got)
	}
	for key, value := range before {
		if strings.ContainsRune("aef", rune(key[0])) && after[key] != value {
			t.Errorf("row %q changed", key)
		}
	}
	s, _ = start(t, o)
	sound(t, s)
}

func TestNodeOfFormat1GoesOn(t *testing.T) {
	t.Parallel()
	o := nodeOptions()
	o.Engine, o.Reactor = format1(t, "box"), fires
	before := rowsOf(t, o.Engine)
	s, stop := start(t, o)
	sound(t, s)
	if p := position(t, s); p.Head.Cursor.Seq != 2 || p.Acked != 1 || p.Last != 2 {
		t.Errorf("position %+v", p)
	}
	if got := itemsText(outbox(t, s)); !strings.HasPrefix(got, "2: "+claim(t, 4).ID().String()[:8]) {
		t.Errorf("outbox %s", got)
	}
	do(t, s, func(*store.Tx) error { return nil })
	sound(t, s)
	stop()
	after := rowsOf(t, o.Engine)
	if got := after["mf"][:4]; got != "\x00\x00\x00\x04" {
		t.Errorf("format is %x", got)
	}
	for _, key := range []string{"mf", "mn", "mc"} {
		delete(before, key)
		delete(after, key)
	}
	if !maps.Equal(before, after) {
		t.Error("other rows changed")
	}
}

// logOf returns the ids of the log's rows after a number.
func logOf(t testing.TB, s *store.Store, after uint64) (list []pay.FactID) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		return v.Log(after, 0, func(seq uint64, f pay.Fact) error {
			if want := after + uint64(len(list)) + 1; seq != want {
				t.Errorf("row %d of the log came, want %d", seq, want)
			}
			list = append(list, f.ID())
			return nil
		})
	})
	return list
}
