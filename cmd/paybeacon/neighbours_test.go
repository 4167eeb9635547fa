package main

import (
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// market is two merchants in one air, each with a box, and ada with a tag that
// both hear.
type market struct{ *world }

// stalls are the boxes of a market by their merchants.
var stalls = map[string]string{"cafe": "Corner Cafe", "bar": "Juice Bar"}

func newMarket(t *testing.T, approve string) market {
	t.Helper()
	w := market{emptyWorld(t)}
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "500.00"))
	w.must(w.Start("ada", nil, "wallet", "run", "--data", w.Data("ada"), "--approve", approve))
	_, err := w.Ready("ada")
	w.must(err)
	for box, merchant := range stalls {
		w.must(w.Enrol("reg", box, "scan", "--role", "box", "--name", box, "--merchant", merchant))
		w.must(w.Start(box, nil, "scan", "--data", w.Data(box), "--radio", "air:"+w.Data("air")))
		_, err := w.Ready(box)
		w.must(err)
	}
	w.must(w.Pair("ada", "-50", "--interval", "50ms"))
	for box := range stalls {
		w.must(w.Until("ada is near "+box, func() (bool, error) {
			return w.Ask(nil, "wait", "--for", "near", "--data", w.Data(box)) == nil, nil
		}))
	}
	return w
}

// charge asks ada for 1.00 at a box, and tries again where her tag just changes
// its code.
func (w market) charge(box, key string) (p api.Payment) {
	w.t.Helper()
	w.must(w.Until("somebody is near "+box, func() (bool, error) {
		err := w.Ask(&p, "till", "charge", "--data", w.Data(box), "--key", key, "--amount", "1.00", "--ttl", "5m")
		if exitOf(err) == pay.ExitNotPaid && p.ID == "" {
			return false, nil
		}
		return true, err
	}))
	return p
}

// answerAll approves by hand what is pending until all of these payments are paid.
func (w market) answerAll(all map[string]string) {
	w.t.Helper()
	paid := map[string]bool{}
	w.must(w.Until(fmt.Sprintf("all of %d are paid", len(all)), func() (bool, error) {
		raw, err := w.Output("wallet", "pending", "--data", w.Data("ada"))
		if err != nil {
			return false, err
		}
		open, err := stage.DecodeLines[api.Payment](raw)
		if err != nil {
			return false, err
		}
		for _, p := range open {
			err := w.Ask(nil, "wallet", "approve", "--data", w.Data("ada"), "--id", p.ID)
			if err != nil && exitOf(err) != pay.ExitConflict {
				return false, fmt.Errorf("approve %s (%s): %w", p.ID[:10], p.Demand, err)
			}
		}
		for id, box := range all {
			if paid[id] {
				continue
			}
			var p api.Payment
			if err := w.Ask(&p, "till", "show", "--data", w.Data(box), "--id", id); err != nil {
				return false, err
			}
			if p.Outcome == pay.OutcomeNotPaid {
				return false, fmt.Errorf("payment %s at the %s is %s (%s)", id[:10], box, p.State, p.Reason)
			}
			paid[id] = p.Outcome == pay.OutcomePaid
		}
		return len(paid) == len(all) && !contains(paid, false), nil
	}))
}

func contains(m map[string]bool, v bool) bool {
	for _, x := range m {
		if x == v {
			return true
		}
	}
	return false
}

// TestTwoMerchantsInEarshot: two merchants charge one tag within the same steps,
// dozens of times. Each charge is paid once ada answers and her device gives its
// word, and none of them is refused.
func TestTwoMerchantsInEarshot(t *testing.T) {
	t.Parallel()
	const each = 24
	for name, approve := range map[string]string{"a person answers": "ask", "a rule answers where it may": "all"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newMarket(t, approve)
			all := map[string]string{}
			for i := range each {
				for box := range stalls {
					all[w.charge(box, fmt.Sprint(box, "-", i)).ID] = box
				}
			}
			w.answerAll(all)
			w.healthy()
			if money := w.money(); money["Corner Cafe"] != each*100 || money["Juice Bar"] != each*100 || money["ada"] != 50_000-2*each*100 {
				t.Errorf("accounts: %v", money)
			}
		})
	}
}
