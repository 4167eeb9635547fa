//go:build crashpoints

package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	paysync "github.com/paybeacon/paybeacon/sync"
)

const (
	// crashRounds is how many passages of each point are tried. A payment passes
	// the busiest point of a node about this often.
	crashRounds = 3
	// crashRoundsMax bounds the payments until a victim has died once.
	crashRoundsMax = 12
)

// TestKilledAtEveryCrashPoint kills registry, box and wallet at every point of
// a payment that they pass, brings them back and repeats the charge under its
// key: each key is paid exactly once, and box, wallet and books agree.
func TestKilledAtEveryCrashPoint(t *testing.T) {
	t.Parallel()
	points := append(store.CrashPoints(), paysync.CrashPoints()...)
	for _, victim := range []string{"reg", "box", "ada"} {
		for _, point := range passedBy(victim, points) {
			t.Run(victim+" at "+point, func(t *testing.T) {
				t.Parallel()
				newWorld(t).payAcrossEach(victim, point, nil)
			})
		}
	}
}

// TestKilledAtEveryCrashPointOfTwoChannels does the same to a payment that needs
// the device's word, with the device as one more victim: unpaid or paid once,
// and both sides can tell which.
func TestKilledAtEveryCrashPointOfTwoChannels(t *testing.T) {
	t.Parallel()
	common := append(store.CrashPoints(), paysync.CrashPoints()...)
	for victim, points := range map[string][]string{
		"reg":     passedBy("reg", common),
		"ada":     append(passedBy("ada", common), node.AtBeforeCode, node.AtAfterCode),
		"ada-tag": {node.AtBeforeSign, node.AtAfterSign},
	} {
		for _, point := range points {
			t.Run(victim+" at "+point, func(t *testing.T) {
				t.Parallel()
				newWorld(t).payAcrossEach(victim, point, []string{"--two-channel"})
			})
		}
	}
}

// TestKilledAtEveryCrashPointOfAHold does the same to an amount that is held and then
// captured under a key: it is held once and captured once.
func TestKilledAtEveryCrashPointOfAHold(t *testing.T) {
	t.Parallel()
	points := append(store.CrashPoints(), paysync.CrashPoints()...)
	for _, victim := range []string{"reg", "box", "ada"} {
		for _, point := range passedBy(victim, points) {
			t.Run(victim+" at "+point, func(t *testing.T) {
				t.Parallel()
				newWorld(t).payAcrossEach(victim, point, []string{"--capture", "manual"})
			})
		}
	}
}

// payAcrossEach pays with a victim that dies at its first, second, ... passage of a
// point. A point after a commit lies in a goroutine beside those that the commit has
// woken: on a busy machine the payment may end before the victim is dead. So the
// first passage is tried again until one has killed.
func (w *world) payAcrossEach(victim, point string, flags []string) {
	w.t.Helper()
	died, rounds := 0, 0
	for rounds < crashRounds || died == 0 && rounds < crashRoundsMax {
		rounds++
		passage := rounds
		if rounds > crashRounds {
			passage = 1
		}
		if w.payAcross(victim, fmt.Sprintf("%s:%d", point, passage), fmt.Sprintf("round-%d", rounds), flags) {
			died++
		}
	}
	if a := w.audit(); a.Payments != rounds {
		w.t.Errorf("audit counts %d payments, want %d", a.Payments, rounds)
	}
	if died == 0 {
		w.t.Errorf("%s never died at %s: the point is not passed", victim, point)
	}
	w.t.Logf("%s died %d times at %s and paid %d times", victim, died, point, rounds)
}

// passedBy lists the points that a victim must pass in a payment.
func passedBy(victim string, points []string) []string {
	serverOnly := []string{"sync.before-ack", "sync.after-ack"}
	return slices.DeleteFunc(slices.Clone(points), func(p string) bool {
		if p == "store.before-commit" || p == "store.after-commit" {
			return false
		}
		return slices.Contains(serverOnly, p) != (victim == "reg")
	})
}

// payAcross pays once with a victim that kills itself at a point, and says
// whether it did. flags are more flags of the charge.
func (w *world) payAcross(victim, crash, key string, flags []string) (died bool) {
	w.t.Helper()
	w.Stop(victim)
	w.restart(victim, []string{"PAYBEACON_CRASH=" + crash})
	if !w.ended(victim) {
		w.waitNear()
	}
	charge := []string{"till", "charge", "--data", w.Data("box"), "--amount", "1.00", "--key", key, "--wait", "1s"}
	charge = append(charge, flags...)
	var p api.Payment
	w.must(w.Until("the victim is dead or the payment final", func() (bool, error) {
		p = api.Payment{}
		_ = w.Ask(&p, charge...)
		w.captureHeld(&p, key)
		return w.ended(victim) || p.Outcome == pay.OutcomePaid, nil
	}))
	died = w.ended(victim)
	w.Stop(victim)
	w.restart(victim, nil)
	w.waitNear()
	for _, name := range []string{"box", "ada"} {
		w.connected(name)
	}
	// The same key again, until it is final.
	w.must(w.Until("payment "+key+" is final", func() (bool, error) {
		p = api.Payment{}
		err := w.Ask(&p, charge...)
		w.captureHeld(&p, key)
		if exit := exitOf(err); exit != pay.ExitDone && exit != pay.ExitWaitPassed && exit != pay.ExitUnknown {
			return false, err
		}
		return p.Outcome == pay.OutcomePaid, nil
	}))
	if p.Amount != 100 || p.AmountCaptured != 100 || p.Key != pay.IdempotencyKey(key) {
		w.t.Fatalf("%s: %+v", crash, p)
	}
	var seen api.Payment
	w.must(w.Until("the wallet knows of "+key, func() (bool, error) {
		err := w.Ask(&seen, "wallet", "receipts", "--data", w.Data("ada"), "--id", p.ID)
		if exitOf(err) == pay.ExitNotFound {
			return false, nil
		}
		return seen.Outcome == pay.OutcomePaid, err
	}))
	if seen.ID != p.ID || seen.AmountCaptured != p.AmountCaptured || seen.State != p.State {
		w.t.Fatalf("%s: till says %+v, wallet says %+v", crash, p, seen)
	}
	w.audit()
	return died
}

// captureHeld captures a payment that is held, under a key of the charge's own, or asks
// what became of that.
func (w *world) captureHeld(p *api.Payment, key string) {
	if p.State != pay.StateHeld {
		return
	}
	var after api.Payment
	_ = w.Ask(&after, "till", "capture", "--data", w.Data("box"), "--id", p.ID, "--key", "all-of-"+key, "--wait", "1s")
	if after.ID == p.ID {
		*p = after
	}
}

// restart starts a node again, which may die at once when env says so.
func (w *world) restart(name string, env []string) {
	w.t.Helper()
	args := w.Procs[name].Args
	if name == "reg" {
		args = w.serveArgs(w.registry.QUIC)
	}
	w.must(w.Start(name, env, args...))
	w.must(w.Until(name+" is ready or dead", func() (bool, error) {
		if w.ended(name) {
			return true, nil
		}
		err := w.Ask(nil, "wait", "--for", "ready", "--data", w.Data(name), "--timeout", "50ms")
		return err == nil, nil
	}))
}
