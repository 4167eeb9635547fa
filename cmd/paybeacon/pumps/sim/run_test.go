package sim_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

func TestFillTakesNoTimeAndSaysHowLongItWouldHave(t *testing.T) {
	t.Parallel()
	s := work(t, sim.Options{Folder: t.TempDir()})
	s.release(1)
	if given := s.fill(31_200, false); given != 31_200 {
		t.Errorf("%d was given", given)
	}
	if given := s.fill(30_000, false); given != 18_800 {
		t.Errorf("%d was given above the most", given)
	}
	s.hang()
	s.want("back, hung, lifted, began 1, ended 1 with 50000 in 1m18.949s for 8195, hung")
	last := s.told[len(s.told)-2]
	is := fuel.Claimed{
		Delivery: last.Given, Total: last.Total, Flow: s.Pumps()[1].Flow, Held: 8195,
		Terms: pay.FuelTerms{Pump: 2, Product: "diesel", Unit: pay.UnitLitre, Price: 1_639, Most: 50_000},
	}
	if refused, doubt := is.Check(); refused != "" || doubt != "" {
		t.Errorf("what a good pump tells is %q, %q", refused, doubt)
	}
}

func TestHandsThatMayNot(t *testing.T) {
	t.Parallel()
	s := work(t, sim.Options{Folder: t.TempDir()})
	ctx := t.Context()
	wrong := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	_, err := s.Fill(ctx, 2, 1_000, false)
	wrong("fill what is not released", err, sim.ErrNotReleased)
	wrong("lift what there is not", s.Lift(ctx, 2, "electric"), pumps.ErrProduct)
	wrong("lift at no pump", s.Lift(ctx, 9, "diesel"), pumps.ErrUnknownPump)
	wrong("hang at no pump", s.Hang(ctx, 9), pumps.ErrUnknownPump)
	_, err = s.Fill(ctx, 9, 1_000, false)
	wrong("fill at no pump", err, pumps.ErrUnknownPump)
	s.release(1)
	wrong("lift the wrong product", s.Lift(ctx, 2, "petrol95"), pumps.ErrProduct)
	s.want("back, hung") // the nozzle counts as hung
	for _, q := range []pay.Quantity{0, -1, pay.QuantityMax + 1} {
		if _, err := s.Fill(ctx, 2, q, false); err == nil {
			t.Errorf("%d were filled", q)
		}
	}
	s.lift()
	s.hang()
	s.want("back, hung, lifted, ended 1 with 0 in 0s for 0, hung") // who hangs up wants none
	s.settle(1)
	s.must(s.Lift(ctx, 2, "petrol95"))
	s.release(2)
	_, err = s.Fill(ctx, 2, 1_000, false)
	wrong("fill from the wrong nozzle", err, pumps.ErrProduct)
	s.stop()
	wrong("lift when the box has left", s.Lift(ctx, 2, "diesel"), sim.ErrNotRunning)
	if err := s.SetFault(2, "gremlins"); err == nil {
		t.Error("an unknown fault was taken")
	}
	wrong("a fault of no pump", s.SetFault(9, ""), pumps.ErrUnknownPump)
}

func TestRealtime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := work(t, sim.Options{Folder: t.TempDir()})
		s.release(1)
		begun := time.Now()
		if given := s.fill(19_000, true); given != 19_000 || time.Since(begun) != 30*time.Second {
			t.Errorf("%d was given in %v", given, time.Since(begun))
		}
		if m := s.meter(); len(m) != 30 || !slices.IsSorted(m) || m[15] != 633*15 && m[15] < 9_000 {
			t.Errorf("the meter said %v", m)
		}
		s.hang()
		s.want("back, hung, lifted, began 1, ended 1 with 19000 in 30s for 3114, hung")
		s.settle(1)

		// Who hangs up in the middle has what was given until then.
		s.release(2)
		done := make(chan pay.Quantity)
		go func() { done <- s.fill(19_000, true) }()
		<-time.After(10 * time.Second)
		if _, err := s.Fill(t.Context(), 2, 1_000, false); !errors.Is(err, pumps.ErrBusy) {
			t.Errorf("two at one nozzle: %v", err)
		}
		s.hang()
		if given := <-done; given != 6_333 {
			t.Errorf("%d was given until then", given)
		}
		s.stop()
	})
}

// A box that dies while fuel runs hears what became of it: it went on, or it is over.
func TestFuelRunsWhileTheBoxIsDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := work(t, sim.Options{Folder: t.TempDir()})
		s.release(1)
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { _, err := s.Fill(ctx, 2, 19_000, true); left <- err }()
		<-time.After(5 * time.Second)
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("whoever watched left with %v", err)
		}
		s.restart(5 * time.Second)
		<-time.After(1500 * time.Millisecond)
		s.want("back, lifted, began 1")
		if m := s.meter(); len(m) < 2 || m[len(m)-1] < 6_333 || m[len(m)-1] > 7_600 {
			t.Errorf("after 11 s the meter said %v", m)
		}
		s.restart(time.Hour)
		synctest.Wait()
		s.hang()
		s.want("back, lifted, began 1, ended 1 with 19000 in 30s for 3114, hung")
		s.stop()
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	file := func(t *testing.T, fault string) sim.Options {
		return sim.Options{Folder: t.TempDir(), File: written(t, "[[pump]]\nnumber = 2\nproducts = [\"diesel\"]\nfault = \""+fault+"\"\n")}
	}
	t.Run("hangs up early", func(t *testing.T) {
		t.Parallel()
		for name, realtime := range map[string]bool{"at once": false, "in real time": true} {
			synctest.Test(t, func(t *testing.T) {
				s := work(t, file(t, "hangs_up_early"))
				s.release(1)
				if given := s.fill(20_000, realtime); given != 10_000 {
					t.Errorf("%s: %d was given", name, given)
				}
				s.want("back, hung, lifted, began 1, ended 1 with 10000 in 15.79s for 1639, hung")
				s.stop()
			})
		}
	})
	t.Run("meter jumps", func(t *testing.T) {
		t.Parallel()
		s := work(t, file(t, "meter_jumps"))
		s.release(1)
		s.fill(20_000, false)
		s.hang()
		s.want("back, hung, lifted, began 1, ended 1 with 520000 in 31.579s for 85228, hung")
		is := fuel.Claimed{
			Delivery: s.told[len(s.told)-2].Given, Total: 85_228, Flow: s.Pumps()[0].Flow,
			Terms: pay.FuelTerms{Pump: 2, Product: "diesel", Unit: pay.UnitLitre, Price: 1_639},
		}
		if refused, doubt := is.Check(); refused != "" || doubt != fuel.DoubtFlow {
			t.Errorf("a meter that jumps is %q, %q", refused, doubt)
		}
	})
	t.Run("loses power", func(t *testing.T) {
		t.Parallel()
		for name, realtime := range map[string]bool{"at once": false, "in real time": true} {
			synctest.Test(t, func(t *testing.T) {
				s := work(t, file(t, "loses_power"))
				s.release(1)
				if given := s.fill(20_000, realtime); given != 10_000 {
					t.Errorf("%s: %d was given", name, given)
				}
				synctest.Wait()
				s.want("back, hung, lifted, began 1, failed")
				if err := s.Hang(t.Context(), 2); !errors.Is(err, pumps.ErrOffline) || s.Pumps()[0].Offline == "" {
					t.Errorf("%s: without power: %v", name, err)
				}
				s.restart(time.Second) // the box dies meanwhile
				synctest.Wait()
				s.want("failed")
				<-time.After(5 * time.Second)
				synctest.Wait()
				s.want("failed, back, ended 1 with 10000 in 15.79s for 1639 in doubt, lifted")
				s.settle(1)
				s.hang()
				s.stop()
			})
		}
	})
	t.Run("offline", func(t *testing.T) {
		t.Parallel()
		s := work(t, file(t, "offline"))
		r := pumps.Release{Pump: 2, Session: pumps.Session{1}, Product: "diesel", Price: 1_639, Most: 50_000}
		if err := s.Release(t.Context(), r); !errors.Is(err, pumps.ErrOffline) {
			t.Errorf("a release: %v", err)
		}
		if err := s.Lift(t.Context(), 2, "diesel"); !errors.Is(err, pumps.ErrOffline) {
			t.Errorf("lift: %v", err)
		}
		s.must(s.SetFault(2, ""))
		s.release(1)
		s.fill(10_000, false)
		s.must(s.SetFault(2, sim.Offline))
		for verb, err := range map[string]error{"stop": s.Stop(t.Context(), 2, r.Session), "hang": s.Hang(t.Context(), 2)} {
			if !errors.Is(err, pumps.ErrOffline) {
				t.Errorf("%s: %v", verb, err)
			}
		}
		s.must(s.SetFault(2, ""))
		s.hang()
		s.want("failed, back, hung, lifted, began 1, failed, back, lifted, began 1, ended 1 with 10000 in 15.79s for 1639, hung")
	})
}

// TestMillionReadings has a meter tell a million times while the box takes nothing in:
// what waits does not grow, and the box gets the last reading.
func TestMillionReadings(t *testing.T) {
	t.Parallel()
	o := sim.Options{Folder: t.TempDir(), MeterStep: 1}
	f := open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	gate, ended := make(chan struct{}), make(chan error, 1)
	var mu sync.Mutex
	var told []pumps.Event
	go func() {
		ended <- f.Run(ctx, func(e pumps.Event) {
			if e.Pump == 1 {
				if e.What == pumps.Began {
					<-gate
				}
				mu.Lock()
				defer mu.Unlock()
				told = append(told, e)
			}
		})
	}()
	if err := f.Release(ctx, pumps.Release{Pump: 1, Session: pumps.Session{1}, Product: "diesel", Price: 1_639, Most: 1_000_000}); err != nil {
		t.Fatal(err)
	}
	filled := make(chan error, 1)
	go func() {
		given, err := f.Fill(ctx, 1, 1_000_000, false)
		if err == nil && given != 1_000_000 {
			err = errors.New("not all was given")
		}
		filled <- err
	}()
	for f.Readings(1) < 1_000_000 {
		select {
		case err := <-filled:
			t.Fatalf("it was told while nothing was taken in: %v", err)
		default:
		}
	}
	close(gate)
	if err := <-filled; err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if last := told[len(told)-1]; len(told) != 5 || last.What != pumps.Metered || last.Given.Quantity != 1_000_000 {
		t.Errorf("%d events, the last is %+v", len(told), last)
	}
}

func TestMemoryThatNoPumpWroteIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"rubbish": "rubbish", "half": `{"last":1,`, "an unknown key": `{"colour":"red"}`, "gives to nobody": `{"giving":{"transaction":1}}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "pump-3.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.Open(sim.Options{Folder: dir}); err == nil {
			t.Errorf("%s: it was opened", name)
		}
	}
}

// A pump that cannot remember does not do it.
func TestWhatCannotBeRememberedIsNotDone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pumps")
	s := work(t, sim.Options{Folder: dir})
	s.must(os.RemoveAll(dir))
	r := pumps.Release{Pump: 2, Session: pumps.Session{1}, Product: "diesel", Price: 1_639, Most: 50_000}
	if err := s.Release(t.Context(), r); !errors.Is(err, pumps.ErrNoAnswer) {
		t.Errorf("a release that nobody remembers: %v", err)
	}
	if _, err := s.Fill(t.Context(), 2, 1_000, false); !errors.Is(err, sim.ErrNotReleased) {
		t.Errorf("a fill after it: %v", err)
	}
}

// TestNothingIsLost has box and driver do anything, with the box dying in between: all
// that ever left the pump was told as ended exactly once under each number until it was
// settled, no session got more than it may, and none got anything twice.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &station{t: t, options: sim.Options{Folder: t.TempDir()}}
		s.start()
		defer func() { s.stop() }()
		ctx := context.Background()
		sessions := byte(0)
		ends := map[pumps.Transaction]pumps.Event{}
		of := map[pumps.Session]pumps.Transaction{}
		collect := func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, e := range s.told {
				if e.What != pumps.Ended {
					continue
				}
				if before, ok := ends[e.Transaction]; ok && before != e {
					rt.Fatalf("transaction %d was told as %+v and %+v", e.Transaction, before, e)
				}
				if t, ok := of[e.Session]; ok && t != e.Transaction {
					rt.Fatalf("session %v has transactions %d and %d", e.Session, t, e.Transaction)
				}
				ends[e.Transaction], of[e.Session] = e, e.Transaction
			}
		}
		var given pay.Quantity
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 7).Draw(rt, "what") {
			case 0:
				_ = s.Lift(ctx, 2, "")
			case 1, 2:
				g, err := s.Fill(ctx, 2, pay.Quantity(rapid.Int64Range(1, 40_000).Draw(rt, "fill")), false)
				if err == nil {
					given += g
				}
			case 3:
				_ = s.Hang(ctx, 2)
			case 4:
				sessions++
				fallthrough
			case 5: // the same again
				_ = s.Release(ctx, pumps.Release{Pump: 2, Session: pumps.Session{max(sessions, 1)}, Product: "diesel", Price: 1_639, Most: 50_000})
			case 6:
				_ = s.Stop(ctx, 2, pumps.Session{sessions})
			case 7:
				collect()
				s.restart(0)
			}
			if rapid.IntRange(0, 3).Draw(rt, "settle") == 0 {
				collect()
				for n := range ends {
					s.must(s.Settle(ctx, 2, n))
				}
			}
		}
		s.must(s.Hang(ctx, 2))
		collect()
		s.restart(0)
		s.must(s.Hang(ctx, 2)) // all that waits is told by then
		collect()
		var sum pay.Quantity
		for _, e := range ends {
			if sum += e.Given.Quantity; e.Given.Quantity > 50_000 {
				rt.Fatalf("%+v is above the most", e)
			}
		}
		if sum != given {
			rt.Fatalf("%d left the pump, and %d was told", given, sum)
		}
	})
}
