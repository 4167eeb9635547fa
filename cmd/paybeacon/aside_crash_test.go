//go:build crashpoints

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// TestPaymentThatCannotEndIsSetAside has the deadlines of some payments fail at
// the registry: they alone are held up, and named with their money by doctor
// and audit, and by the log; all others pay. Trying again ends them, by command or by a start.
func TestPaymentThatCannotEndIsSetAside(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	list := filepath.Join(w.Dir, "failing")
	fail := func(ids ...string) { w.must(os.WriteFile(list, []byte(strings.Join(ids, "\n")), 0o600)) }
	env := []string{"PAYBEACON_FAIL=" + list}
	w.Stop("reg")
	w.startRegistry(env)
	w.startBox(nil)
	w.must(w.Start("ada", nil, "wallet", "run", "--data", w.Data("ada")))
	_, err := w.Ready("ada")
	w.must(err)
	w.must(w.Pair("ada", "-50", "--interval", "50ms"))
	w.waitNear()

	fail("p:") // all payments, until it is known which
	bad, worse := w.offered("4.00", "--ttl", "2s"), w.offered("5.00", "--ttl", "2s")
	fail(bad, worse)
	for _, id := range []string{bad, worse} {
		w.must(w.Until(id+" is set aside", func() (bool, error) { return strings.Contains(w.health().said, id), nil }))
	}
	for range 3 {
		id := w.offered("1.00")
		w.must(w.Ask(nil, "wallet", "approve", "--data", w.Data("ada"), "--id", id))
		var p api.Payment
		w.must(w.Ask(&p, "till", "wait", "--data", w.Data("box"), "--id", id, "--wait", "20s"))
		if p.Outcome != pay.OutcomePaid {
			t.Errorf("another payment: %+v", p)
		}
	}

	// A claim on it is refused, and changes nothing.
	var p api.Payment
	err = w.Ask(&p, "till", "cancel", "--data", w.Data("box"), "--id", bad)
	if p.Refusal != pay.ReasonSetAside || p.State != pay.StateOffered {
		t.Errorf("cancel: %+v, %v", p, err)
	}

	// It is named, with its money.
	for _, part := range []string{`"name":"aside","level":"bad"`, bad, worse, "4.00", "5.00", "Corner Cafe", "a test wants", "admin retry"} {
		if h := w.health(); !strings.Contains(h.said, part) || h.exit != pay.ExitFailed {
			t.Errorf("doctor (exit %d) does not say %q: %s", h.exit, part, h.said)
		}
	}
	// To the audit it is not finished, which is no finding: the books are right.
	if a := w.audit(); len(a.Findings) != 0 || a.AsideCount != 2 || len(a.Aside) != 2 || a.Aside[0].Amount+a.Aside[1].Amount != 900 {
		t.Errorf("audit: %+v", a)
	} else if a.Aside[0].ID != bad && a.Aside[1].ID != bad {
		t.Errorf("the audit does not name %s: %+v", bad, a.Aside)
	}
	if n := strings.Count(w.log("reg"), "set aside: the rule for it failed"); n != 2 {
		t.Errorf("the log has %d lines about it", n)
	}

	// Trying again in vain, by name and by a start.
	left, err := w.retry("--id", bad[:12])
	if exitOf(err) != pay.ExitFailed || len(left) != 1 || left[0].Cleared || left[0].ID != bad || left[0].Tries != 2 || left[0].Amount != 400 || left[0].State != pay.StateOffered {
		t.Errorf("retry: %+v, %v", left, err)
	}
	if _, err := w.retry("--id", "0123456789"); exitOf(err) != pay.ExitNotFound {
		t.Errorf("retry of nothing: %v", err)
	}

	// What can never be retried, its operator closes: a claim on it is late then, not set
	// aside.
	fail("p:")
	closed := w.offered("6.00", "--ttl", "2s")
	fail(bad, worse, closed)
	w.must(w.Until(closed+" is set aside", func() (bool, error) { return strings.Contains(w.health().said, closed), nil }))
	fail(bad, worse)
	var s api.Settled
	w.must(w.Ask(&s, "admin", "settle", "--data", w.Data("reg"), "--id", closed, "--why", "its rule fails for ever"))
	if s.State != pay.StateCancelled || !s.SafeToRetry || strings.Contains(w.health().said, closed) {
		t.Errorf("settled: %+v, and doctor says %s", s, w.health().said)
	}
	w.shownAs(closed, pay.StateCancelled)

	w.Stop("reg")
	if h := w.health(); !strings.Contains(h.said, bad) || h.exit != pay.ExitFailed {
		t.Errorf("doctor without the daemon (exit %d): %s", h.exit, h.said)
	}
	if _, err := w.retry(); exitOf(err) != pay.ExitUnreachable {
		t.Errorf("retry without the daemon: %v", err)
	}
	fail(bad)
	w.startRegistry(env)

	// The start ended one of them, the command ends the other.
	w.must(w.Until("a start has ended one", func() (bool, error) { return !strings.Contains(w.health().said, worse), nil }))
	left, err = w.retry()
	if exitOf(err) != pay.ExitFailed || len(left) != 1 || left[0].ID != bad || left[0].Tries != 4 {
		t.Errorf("retry: %+v, %v", left, err)
	}
	fail()
	left, err = w.retry()
	if err != nil || len(left) != 1 || !left[0].Cleared || left[0].ID != bad || left[0].State != pay.StateExpired {
		t.Errorf("retry: %+v, %v", left, err)
	}
	if left, err = w.retry(); err != nil || len(left) != 0 {
		t.Errorf("retry when nothing is set aside: %+v, %v", left, err)
	}
	if h := w.health(); strings.Contains(h.said, "aside") || h.exit != pay.ExitDone {
		t.Errorf("doctor (exit %d): %s", h.exit, h.said)
	}
	w.connected("box")
	for _, id := range []string{bad, worse} {
		w.must(w.Until(id+" has expired at the till", func() (bool, error) {
			var p api.Payment
			err := w.Ask(&p, "till", "show", "--data", w.Data("box"), "--id", id)
			return p.State == pay.StateExpired && p.Outcome == pay.OutcomeNotPaid, err
		}))
	}
	if a := w.audit(); len(a.Findings) != 0 || a.AsideCount != 0 {
		t.Errorf("audit: %+v", a)
	}
}

// offered charges and returns the payment once the wallet has the offer.
func (w *world) offered(amount string, flags ...string) string {
	w.t.Helper()
	var p api.Payment
	w.must(w.Ask(&p, append([]string{"till", "charge", "--data", w.Data("box"), "--amount", amount}, flags...)...))
	w.must(w.Until("the wallet has the offer", func() (bool, error) {
		raw, err := w.Output("wallet", "pending", "--data", w.Data("ada"))
		return strings.Contains(string(raw), p.ID), err
	}))
	return p.ID
}

// examined is what doctor says of the registry.
type examined struct {
	said string
	exit pay.Exit
}

func (w *world) health() examined {
	w.t.Helper()
	raw, err := w.Output("doctor", "--data", w.Data("reg"))
	return examined{string(raw), exitOf(err)}
}

// retry runs admin retry.
func (w *world) retry(flags ...string) ([]api.Aside, error) {
	w.t.Helper()
	raw, err := w.Output(append([]string{"admin", "retry", "--data", w.Data("reg")}, flags...)...)
	list, decodeErr := stage.DecodeLines[api.Aside](raw)
	w.must(decodeErr)
	slices.SortFunc(list, func(a, b api.Aside) int { return strings.Compare(a.Due, b.Due) })
	return list, err
}

// log returns what a process has logged.
func (w *world) log(name string) string {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.Dir, name+".log"))
	w.must(err)
	return string(raw)
}
