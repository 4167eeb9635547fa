//go:build crashpoints

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// silent keeps the simulated acquirer from answering, or lets it answer again.
func (w *world) silent(on bool) {
	w.t.Helper()
	file := filepath.Join(w.Data("reg"), "sim-provider", "silent")
	if on {
		w.must(os.WriteFile(file, nil, 0o600))
		return
	}
	w.must(os.Remove(file))
}

// shownAs waits until the box shows a payment so.
func (w *world) shownAs(id string, s pay.State) (p api.Payment) {
	w.t.Helper()
	w.must(w.Until("the payment is "+string(s), func() (bool, error) {
		p = api.Payment{}
		err := w.Ask(&p, "till", "show", "--data", w.Data("box"), "--id", id)
		return p.State == s, err
	}))
	return p
}

// TestKilledBetweenTheStepsOfASettlement kills the registry while its operator settles a
// payment as not paid. The same command again gives the same answer; the acquirer, which is
// back then, has been asked for nothing, and the same request under a new key is paid once.
func TestKilledBetweenTheStepsOfASettlement(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"store.before-commit", "store.after-commit", node.AtSettled} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.byCard("sim-ok")
			w.waitNear()
			died := false
			const rounds = 2
			for n := 1; n <= rounds; n++ {
				w.silent(true)
				var p api.Payment
				w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "1.00", "--key", fmt.Sprint("round-", n)))
				w.shownAs(p.ID, pay.StateApproved)
				w.Stop("reg")
				w.restart("reg", []string{fmt.Sprintf("PAYBEACON_CRASH=%s:%d", point, n)})
				settle := []string{"admin", "settle", "--data", w.Data("reg"), "--id", p.ID, "--not-paid", "--why", "its list has no such charge"}
				_ = w.Ask(nil, settle...)
				died = died || w.ended("reg")
				w.Stop("reg")
				w.restart("reg", nil)
				var s api.Settled
				for range 2 {
					w.must(w.Ask(&s, settle...))
					if s.State != pay.StateFailed || !s.SafeToRetry {
						t.Errorf("settled: %+v", s)
					}
				}
				w.connected("box")
				if p := w.shownAs(p.ID, pay.StateFailed); p.By != pay.ByOperator || p.Reason != "its list has no such charge" || !p.SafeToRetry {
					t.Errorf("the box shows %+v", p)
				}
				w.silent(false)
				w.connected("ada")
				w.waitNear()
				w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "1.00", "--key", fmt.Sprint("again-", n)))
				w.shownAs(p.ID, pay.StateCaptured)
			}
			if all := w.charged(); len(all) != rounds {
				t.Errorf("the acquirer knows of %d payments, want %d: %+v", len(all), rounds, all)
			}
			if !died && point == node.AtSettled {
				t.Errorf("the registry never died at %s", point)
			}
			if a := w.audit(); a.Payments != 2*rounds {
				t.Errorf("the audit counts %+v", a)
			}
		})
	}
}

// TestTheAcquirerSaysOtherwiseLater kills the registry when the acquirer has authorised, or
// captured, and nobody knows it; the acquirer is silent then, and the operator is wrong. An
// acquirer that answers is believed and not the operator; one that answers later contradicts
// what was settled, which stays, is not captured for that, and is reported.
func TestTheAcquirerSaysOtherwiseLater(t *testing.T) {
	t.Parallel()
	for calls, name := range map[int]string{1: "authorised", 2: "captured"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.byCard("sim-ok")
			w.Stop("reg")
			w.restart("reg", []string{fmt.Sprintf("PAYBEACON_CRASH=%s:%d", node.AtAfterCall, calls)})
			w.connected("box")
			w.connected("ada")
			w.waitNear()
			var p api.Payment
			w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "1.00"))
			w.must(w.Until("the registry has died", func() (bool, error) { return w.ended("reg"), nil }))
			w.Stop("reg")
			w.silent(true)
			w.restart("reg", nil)
			w.connected("box")
			settle := []string{"admin", "settle", "--data", w.Data("reg"), "--id", p.ID, "--not-paid", "--why", "I think so"}
			w.must(w.Ask(nil, settle...))
			w.shownAs(p.ID, pay.StateFailed)
			w.silent(false)
			w.must(w.Until("the doctor tells of it", func() (bool, error) {
				return strings.Contains(w.health().said, "gave two answers to 1 call"), nil
			}))
			w.must(w.Ask(nil, settle...)) // the same answer as before
			if p := w.shownAs(p.ID, pay.StateFailed); p.Outcome != pay.OutcomeNotPaid || p.AmountCaptured != 0 {
				t.Errorf("it moved to %+v", p)
			}
			if c := w.charged()[p.ID]; c.authorised != 1 || c.captured != calls-1 {
				t.Errorf("the acquirer has %+v", c)
			}
			w.audit()
		})
	}
}

// TestAnAcquirerThatAnswersGoesBeforeItsOperator: the operator says that it was paid, and
// the acquirer, which is asked once more, that it has not even been asked, or was not.
func TestAnAcquirerThatAnswersGoesBeforeItsOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.byCard("sim-slow")
	w.waitNear()
	var p api.Payment
	w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "1.00"))
	w.shownAs(p.ID, pay.StateApproved)
	err := w.Ask(nil, "admin", "settle", "--data", w.Data("reg"), "--id", p.ID, "--paid", "--why", "I think so")
	if exitOf(err) != pay.ExitConflict {
		t.Errorf("it was settled over the acquirer: %v", err)
	}
	if p := w.shownAs(p.ID, pay.StateCaptured); p.By == pay.ByOperator {
		t.Errorf("%+v", p)
	}
	w.audit()
}
