package wallet_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

func (w *world) limit() wallet.StepUpAbove {
	w.Helper()
	l, err := w.wallet.StepUpAbove(w.rows)
	if err != nil {
		w.Fatal(err)
	}
	return l
}

func (w *world) plan(above pay.Amount) (pay.StepUpAbove, pay.Authentication, bool) {
	w.Helper()
	w.now++ // two wishes are two claims
	l, auth, needed, err := w.wallet.PlanStepUpAbove(w.rows, w.now, above, "EUR")
	if err != nil {
		w.Fatal(err)
	}
	return l, auth, needed
}

// setLimit asks for a limit, with a device's code if it takes one.
func (w *world) setLimit(above pay.Amount) pay.Fact {
	w.Helper()
	l, auth, needed := w.plan(above)
	if needed {
		code, err := pay.Authenticate(key(w, beacon), auth)
		if err != nil {
			w.Fatal(err)
		}
		l.Device, l.Code = key(w, beacon).ID(), code
	}
	id, r, err := w.wallet.SetStepUpAbove(w.rows, l)
	if err != nil || len(r.Publications) != 1 || r.Publications[0].Fact.ID() != id {
		w.Fatalf("set limit: %v, %+v", err, r)
	}
	w.publish(r)
	return r.Publications[0].Fact
}

// limited is the registry's statement that a claim is in force.
func (w *world) limited(claim pay.Fact, at pay.Time) pay.Fact {
	w.Helper()
	l, err := pay.As[pay.StepUpAbove](claim)
	if err != nil {
		w.Fatal(err)
	}
	return sign(w, w.working, pay.StepUpStatus{Claim: claim.ID(), Above: l.Above, Currency: l.Currency, At: at})
}

func (w *world) wantLimit(what string, above pay.Amount, pending bool, refused pay.Reason) {
	w.Helper()
	currency := pay.Currency("EUR")
	if got := w.limit(); got.Above != above || got.Pending != pending || got.Refused != refused || (above != pay.AmountMax && got.Currency != currency) {
		w.Errorf("%s: the limit is %+v, want %d, pending %v, refused %q", what, got, above, pending, refused)
	}
}

// TestLimitIsWhatTheRegistryStated: a claim changes nothing until the registry has
// stated it, and a refused one never does.
func TestLimitIsWhatTheRegistryStated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	w.wantLimit("at first", pay.AmountMax, false, "")
	first := w.setLimit(5_000)
	w.wantLimit("asked for", pay.AmountMax, true, "")
	w.deliver(w.limited(first, start+1))
	w.wantLimit("in force", 5_000, false, "")
	lower := w.setLimit(1_000)
	w.wantLimit("asked for less", 5_000, true, "")
	w.refuse(lower, pay.ReasonOldStepUp)
	w.wantLimit("refused", 5_000, false, pay.ReasonOldStepUp)
	w.refuse(first, pay.ReasonTooMany) // an old statement does not come back
	w.wantLimit("an old claim refused", 5_000, false, pay.ReasonOldStepUp)
	again := w.setLimit(900)
	w.wantLimit("asked again", 5_000, true, "")
	w.refuse(lower, pay.ReasonOldStepUp)
	w.wantLimit("the first refusal, once more", 5_000, true, "")
	w.deliver(w.limited(again, start+2))
	w.wantLimit("in force again", 900, false, "")
}

// TestPlanLimit: what takes a device's agreement is what loosens the limit in
// force, and what the device signs names that limit.
func TestPlanLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		force, above pay.Amount // force < 0: none was ever set
		needed       bool
	}{
		{"the first", -1, 5_000, false},
		{"the first: every payment", -1, 0, false},
		{"the first: none", -1, pay.AmountMax, false},
		{"lower", 5_000, 4_999, false},
		{"the same", 5_000, 5_000, false},
		{"one cent higher", 5_000, 5_001, true},
		{"lifted", 5_000, pay.AmountMax, true},
		{"from every payment", 0, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			before := pay.FactID{}
			if c.force >= 0 {
				claim := w.setLimit(c.force)
				w.deliver(w.limited(claim, start+1))
				before = claim.ID()
			}
			l, auth, needed := w.plan(c.above)
			if needed != c.needed || l.Before != before || l.Above != c.above || l.Currency != "EUR" || !l.Code.IsZero() {
				t.Errorf("the plan is %+v, needed %v", l, needed)
			}
			want := pay.Authentication{Purpose: pay.PurposeStepUpAbove, Registry: w.root.ID(), Wallet: w.own.ID(), Subject: before, Amount: c.above, Currency: "EUR"}
			if auth != want {
				t.Errorf("the device signs %+v, want %+v", auth, want)
			}
			state := w.snapshot()
			_, r, err := w.wallet.SetStepUpAbove(w.rows, l)
			if !c.needed {
				wantCode(t, err, "")
				return
			}
			wantCode(t, err, pay.CodeDevice)
			if w.snapshot() != state || len(r.Publications) != 0 {
				t.Error("something changed without the device")
			}
		})
	}
}

func TestLimitsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	for _, above := range []pay.Amount{-1, pay.AmountMax + 1} {
		_, _, _, err := w.wallet.PlanStepUpAbove(w.rows, w.now, above, "EUR")
		wantCode(t, err, pay.CodeAmount)
	}
	// The limit changes between plan and wish, as another window of the same
	// wallet may do: the code that the device gave is worth nothing any more.
	stale, _, _ := w.plan(10)
	w.deliver(w.limited(w.setLimit(7_000), start+1))
	state := w.snapshot()
	_, _, err := w.wallet.SetStepUpAbove(w.rows, stale)
	wantCode(t, err, pay.CodeConflict)
	if w.snapshot() != state {
		t.Error("a stale plan changed something")
	}
}

// TestLimitFromTheFeed: a wallet whose store was lost gets its limit back from
// the feed, and neither old statements nor a repetition change it. Any order
// of the same statements leaves the latest.
func TestLimitFromTheFeed(t *testing.T) {
	t.Parallel()
	old := newWorld(t, wallet.Rule{})
	var said []pay.Fact
	for i, above := range []pay.Amount{5_000, 1_000, 9_000, 0} {
		claim := old.setLimit(above)
		f := old.limited(claim, start.Add(pay.Millis(10*(i+1))))
		old.deliver(f)
		said = append(said, claim, f)
	}
	old.wantLimit("before the loss", 0, false, "")

	w := newWorld(t, wallet.Rule{})
	for _, f := range said { // own claims come down the feed too
		w.deliver(f)
	}
	w.wantLimit("from the feed", 0, false, "")
	if l, _, needed := w.plan(1); !needed || l.Before != said[len(said)-2].ID() {
		t.Errorf("the next wish replaces %s, needed %v", l.Before, needed)
	}
	for seed := range uint64(20) {
		w := newWorld(t, wallet.Rule{})
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(said), func(i, j int) { said[i], said[j] = said[j], said[i] })
		for _, f := range append(said, said...) {
			w.deliver(f)
		}
		w.wantLimit(fmt.Sprintf("in any order, seed %d", seed), 0, false, "")
	}
}

// TestLimitsOfOneMoment: of two statements within one millisecond the one that
// the feed holds later counts.
func TestLimitsOfOneMoment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	first := w.setLimit(5_000)
	w.deliver(w.limited(first, start+1))
	second := w.setLimit(1_000)
	w.deliver(w.limited(second, start+1))
	w.wantLimit("the later one", 1_000, false, "")
}

// TestOneLimitIsAskedForAtATime: of two changes that replace the same limit the
// registry takes one. The second is refused at once, while its owner looks, and
// goes through when the first is decided.
func TestOneLimitIsAskedForAtATime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		decide func(w *world, first pay.Fact)
		then   pay.Amount
	}{
		{"the first is in force", func(w *world, first pay.Fact) { w.deliver(w.limited(first, start+1)) }, 5_000},
		{"the first is refused", func(w *world, first pay.Fact) { w.refuse(first, pay.ReasonTooMany) }, pay.AmountMax},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			first := w.setLimit(5_000)
			second, _, _ := w.plan(4_000)
			state := w.snapshot()
			_, r, err := w.wallet.SetStepUpAbove(w.rows, second)
			wantCode(t, err, pay.CodeConflict)
			if w.snapshot() != state || len(r.Publications) != 0 {
				t.Error("the second changed something while the first waits")
			}
			c.decide(w, first)
			if got := w.limit(); got.Above != c.then || got.Pending || got.Asked != first.ID() {
				t.Errorf("after the first: %+v", got)
			}
			third := w.setLimit(3_000)
			w.deliver(w.limited(third, start+2))
			w.wantLimit("asked for again", 3_000, false, "")
			if got := w.limit(); got.Claim != third.ID() || got.Asked != third.ID() {
				t.Errorf("set by %s, asked for by %s, want %s", got.Claim, got.Asked, third.ID())
			}
		})
	}
}
