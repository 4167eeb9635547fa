package node

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// costOfHold is how much a hold and its capture may cost, of an immediate payment: three
// claims and three decisions in the place of two and two. Published: the issue.
const costOfHold = 1.6

// hold charges a wallet at the box, to be held, waits until it is, and captures all.
func (s *costShop) hold(key string, wallet int) error {
	now := s.box.store.Now()
	c := pay.Candidate{Handle: "amber-otter", Code: s.codes[wallet], Heard: now, Since: now, RSSI: -40, Near: true}
	o := till.Order{Key: pay.IdempotencyKey(key), Amount: 100, Currency: "EUR", To: c.Handle, Hold: pay.HoldMax}
	e, err := commit(s.ctx, s.box.store, func(tx *store.Tx) (till.Entry, pay.Reaction, error) {
		return s.box.till.Charge(tx, tx.Now(), o, till.Choice{Candidate: c, Evidence: pay.EvidenceWords})
	})
	if err != nil {
		return err
	}
	p, err := s.box.wait(s.ctx, api.WaitRequest{ID: e.ID.String(), Wait: 20_000})
	if err != nil || p.State != pay.StateHeld {
		return fmt.Errorf("a hold is %s (%s): %w", p.State, p.Reason, err)
	}
	_, err = commit(s.ctx, s.box.store, func(tx *store.Tx) (till.Entry, pay.Reaction, error) {
		return s.box.till.Act(tx, tx.Now(), p.ID, till.Act{Kind: pay.KindCapture, Key: "all"})
	})
	if err != nil {
		return err
	}
	p, err = s.box.awaitAction(s.ctx, e.ID, api.ActionRequest{Key: "all", Wait: 20_000})
	if err == nil && (p.AmountCaptured != 100 || p.Action.State != api.ActionDone) {
		err = fmt.Errorf("a capture is %s (%+v)", p.State, p.Action)
	}
	return err
}

// TestCostOfAHold holds what a hold costs with its capture against what an immediate
// payment does, in all that TestCostOfAPayment counts.
func TestCostOfAHold(t *testing.T) { //nolint:paralleltest // what other tests allocate would count
	if costRace {
		t.Skip("the race detector runs goroutines in another order and allocates more")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // goroutines run in one order
	var paid, held map[string]float64
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		s := newCostShop(ctx, t)
		defer s.running.Wait()
		defer stop()
		paid = s.cost(costAlone, s.alone)
		held = s.cost(costAlone, func() {
			for i := range costAlone {
				s.must(s.hold(fmt.Sprint("hold-", i), i%costWallets))
				<-time.After(costRest)
			}
		})
		s.conserved()
	})
	paid, held = together(paid), together(held)
	for _, what := range slices.Sorted(maps.Keys(held)) {
		t.Logf("%-12s %8.2f of %8.2f", what, held[what], paid[what])
		if held[what] > paid[what]*costOfHold {
			t.Errorf("%s of a hold and its capture are %.2f, of an immediate payment %.2f", what, held[what], paid[what])
		}
	}
}

// conserved fails unless the audit finds the books right.
func (s *costShop) conserved() {
	err := s.hub.store.View(s.ctx, func(v *store.View) error {
		a, err := s.role.Audit(s.ctx, v)
		if err == nil && (!a.OK || a.Payments == 0 || a.Imbalance != 0 || a.Duplicates != 0) {
			err = fmt.Errorf("the audit says %+v", a)
		}
		return err
	})
	s.must(err)
}

// together adds up what is counted for each role.
func together(counts map[string]float64) map[string]float64 {
	all := map[string]float64{}
	for what, n := range counts {
		name, role, byRole := strings.Cut(what, " ")
		if _, counted := counts[name]; byRole && counted || name == "walks" && role != "registry" {
			continue // it is counted, or is less than one a payment
		}
		all[name] += n
	}
	return all
}
