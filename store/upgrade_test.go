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

// formatNow is the present format, as its meta row holds it.
const formatNow = "\x00\x00\x00\x05"

// storeOf returns an engine with what the program of an older format wrote, such as
// "format1-box". Each line of the file is a key and a value in hexadecimal.
func storeOf(t testing.TB, name string) kv.Engine {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
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
	o.Engine, o.Now, o.Reactor, o.Authority = storeOf(t, "format1-registry"), clock.now, fires, authority(t)
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
	if got := after["mf"][:4]; got != formatNow {
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
	o.Engine, o.Reactor = storeOf(t, "format1-box"), fires
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
	if got := after["mf"][:4]; got != formatNow {
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

// A registry's store of format 4 goes on: what stood in its feeds before is found in
// its old rows and is not published twice.
func TestRegistryOfFormat4GoesOn(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Engine, o.Reactor = storeOf(t, "format4-registry"), newWard(7, 8)
	sound(t, open(t, o))
	want, other := ids(claim(t, 1), claim(t, 2), claim(t, 4)), ids(claim(t, 1), claim(t, 2))
	for round := range 3 { // the second and third find what the one before has written
		s, stop := start(t, o)
		post(t, s, []pay.Scope{"m/a", "w/b"}, claim(t, 1), claim(t, 4))
		if round == 0 {
			other = append(other, claim(t, 4).ID())
		}
		for n := range 25 {
			post(t, s, []pay.Scope{"m/a", "w/b"}, claim(t, 100*round+n+10))
			want = append(want, claim(t, 100*round+n+10).ID())
			other = append(other, claim(t, 100*round+n+10).ID())
		}
		item := pay.Item{N: uint64(round) + 3, Facts: []pay.Fact{claim(t, 1000+round)}}
		if _, err := s.Feeds().Apply(t.Context(), pay.NodeID{7}, pay.Incarnation{1}, []pay.Item{item}); err != nil {
			t.Fatal(err)
		}
		if got := feed(t, s, "m/a"); !slices.Equal(got, want) {
			t.Errorf("feed %v, want %v", got, want)
		}
		if got := feed(t, s, "w/b"); !slices.Equal(got, other) {
			t.Errorf("the other feed %v, want %v", got, other)
		}
		if got := logOf(t, s, 0); !slices.Equal(got, want) {
			t.Errorf("log %v, want %v", got, want)
		}
		if kept, _, err := now(t.Context(), s).Kept(pay.NodeID{7}, 0, 0, 1<<20); err != nil || len(kept) != round+3 || len(kept[1].IDs) != 2 {
			t.Errorf("kept %v, %v", kept, err)
		}
		sound(t, s)
		stop()
	}
	if got := rowsOf(t, o.Engine)["mf"][:4]; got != formatNow {
		t.Errorf("format is %x", got)
	}
}

// A box's store of format 4 goes on: what waits there is found in its old rows, and is
// not queued twice.
func TestNodeOfFormat4GoesOn(t *testing.T) {
	t.Parallel()
	o := nodeOptions()
	o.Engine, o.Reactor = storeOf(t, "format4-box"), newWard(7, 8)
	s, _ := start(t, o)
	sound(t, s)
	for _, n := range []int{4, 5, 1} { // queued, attached, mirrored
		post(t, s, nil, claim(t, n))
	}
	want := "2: " + claim(t, 4).ID().String()[:8]
	if got := itemsText(outbox(t, s)); !strings.HasPrefix(got, want) || strings.Contains(got, "3: ") {
		t.Errorf("outbox %s", got)
	}
	queued := func(n int) (is bool) {
		view(t, s, func(v *store.View) (err error) {
			is, err = v.Queued(claim(t, n).ID())
			return err
		})
		return is
	}
	attach(t, s, claim(t, 4), claim(t, 6))
	for n, want := range map[int]bool{3: false, 4: true, 5: true, 6: true} {
		if queued(n) != want {
			t.Errorf("claim %d is queued: %v", n, !want)
		}
	}
	acked(t, s, 2, nil)
	for n := range 7 {
		if queued(n) {
			t.Errorf("claim %d is queued after it was acknowledged", n)
		}
	}
	sound(t, s)
	post(t, s, nil, claim(t, 4)) // no entry holds it, so it is sent again
	if !queued(4) || queued(5) {
		t.Error("a claim is not queued again")
	}
	sound(t, s)
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
