package device_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// payment is an authentication that a wallet requests for a payment.
func payment() pay.Authentication {
	return pay.Authentication{Purpose: pay.PurposePay, Nonce: pay.Nonce{1}, Subject: [32]byte{2}, Merchant: "m/cafe", Amount: 1250, Currency: "EUR"}
}

// paired returns a device that is bound to the rig's wallet.
func paired(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	if _, err := r.pair(t, r.shown(t).PIN, r.key); err != nil {
		t.Fatal(err)
	}
	r.confirm(t, r.key)
	return r
}

func (r *rig) authenticate(wallet pay.Key, a pay.Authentication) (pay.AuthCode, error) {
	return r.device.Meet(wallet.Public(), exporter).Authenticate(a)
}

// codes returns the events about authentication codes.
func (b *bench) codes() (told []device.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if e.Kind == device.EventAuthenticated {
			told = append(told, e)
		}
	}
	return told
}

// ours fills in the registry and the wallet that the device is bound to.
func (r *rig) ours(a pay.Authentication) pay.Authentication {
	a.Registry, a.Wallet = pay.NodeID{7}, r.key.ID()
	return a
}

// TestAuthenticate: the code is for the requested payment and for the wallet and
// the registry that the device is bound to, and its owner sees an event for each.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	r := paired(t)
	keeps := r.keeps
	for _, a := range []pay.Authentication{payment(), {Purpose: pay.PurposeStepUpAbove, Subject: [32]byte{3}, Amount: 5_000, Currency: "EUR"}} {
		code, err := r.authenticate(r.key, a)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.ours(a).Verify(r.device.Key().Public(), code); err != nil {
			t.Errorf("%s: %v", a.Purpose, err)
		}
		told := r.codes()
		if last := told[len(told)-1]; last.Wallet != r.key.ID() || last.Signed != r.ours(a) {
			t.Errorf("the owner is told %+v", last)
		}
	}
	if len(r.codes()) != 2 || r.keeps != keeps {
		t.Errorf("two codes were told of %d times, and the state kept %d times", len(r.codes()), r.keeps-keeps)
	}
}

// TestAuthenticateIsForItsOwnOnly: whichever registry or wallet the request names,
// the code is for those that the device is bound to, and invalid for others.
func TestAuthenticateIsForItsOwnOnly(t *testing.T) {
	t.Parallel()
	r := paired(t)
	a := payment()
	a.Registry, a.Wallet = pay.NodeID{8}, key(t, 2).ID()
	code, err := r.authenticate(r.key, a)
	if err != nil {
		t.Fatal(err)
	}
	if a.Verify(r.device.Key().Public(), code) == nil {
		t.Error("the device signed for a registry and a wallet that it is not bound to")
	}
	if err := r.ours(a).Verify(r.device.Key().Public(), code); err != nil {
		t.Error(err)
	}
}

// TestAuthenticateRefuses: a refused request gives no code and no event, and does
// not count.
func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	altered := func(change func(*pay.Authentication)) pay.Authentication {
		a := payment()
		change(&a)
		return a
	}
	for _, c := range []struct {
		name   string
		before func(t *testing.T, r *rig)
		wallet byte
		ask    pay.Authentication
		want   pay.ErrorCode
	}{
		{"another wallet", nil, 2, payment(), pay.CodeBound},
		{"after the release", func(t *testing.T, r *rig) {
			if err := r.device.Release(r.key.Public()); err != nil {
				t.Fatal(err)
			}
		}, 1, payment(), pay.CodePIN},
		{"the wallet of before, after it was paired with another", func(t *testing.T, r *rig) {
			if err := r.device.Release(r.key.Public()); err != nil {
				t.Fatal(err)
			}
			_, err := r.pair(t, pay.PIN{}, key(t, 2)) // makes it show a PIN
			wantCode(t, "no PIN", err, pay.CodePIN)
			if _, err := r.pair(t, r.shown(t).PIN, key(t, 2)); err != nil {
				t.Fatal(err)
			}
		}, 1, payment(), pay.CodeBound},
		{"no purpose", nil, 1, altered(func(a *pay.Authentication) { a.Purpose = "" }), pay.CodeUsage},
		{"another purpose", nil, 1, altered(func(a *pay.Authentication) { a.Purpose = "bind" }), pay.CodeUsage},
		{"no merchant", nil, 1, altered(func(a *pay.Authentication) { a.Merchant = "" }), pay.CodeUsage},
		{"no amount", nil, 1, altered(func(a *pay.Authentication) { a.Amount = 0 }), pay.CodeUsage},
		{"no currency", nil, 1, altered(func(a *pay.Authentication) { a.Currency = "" }), pay.CodeUsage},
		{"a step-up-above with a merchant", nil, 1, altered(func(a *pay.Authentication) { a.Purpose = pay.PurposeStepUpAbove }), pay.CodeUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := paired(t)
			if c.before != nil {
				c.before(t, r)
			}
			for range pay.AuthCodesPerMinute + 5 {
				code, err := r.authenticate(key(t, c.wallet), c.ask)
				wantCode(t, "authenticate", err, c.want)
				if !code.IsZero() {
					t.Fatal("a refused wallet was given a code")
				}
			}
			if len(r.codes()) != 0 {
				t.Error("the owner is told of codes that nobody got")
			}
			if b, ok := r.device.Binding(); ok { // its wallet still has the full number of codes
				owner := r.key
				if b.Wallet != owner.Public() {
					owner = key(t, 2)
				}
				for range pay.AuthCodesPerMinute {
					if _, err := r.authenticate(owner, payment()); err != nil {
						t.Fatalf("the owner, after strangers: %v", err)
					}
				}
			}
		})
	}
}

func TestUnpairedDeviceGivesNoCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.authenticate(r.key, payment())
	wantCode(t, "nobody's device", err, pay.CodePIN)
	s := r.device.Meet(r.key.Public(), exporter)
	if _, err := s.Prove(r.proof(r.shown(t).PIN, r.key)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Authenticate(payment())
	wantCode(t, "proven and not yet bound", err, pay.CodePIN)
}

// TestAuthenticateTooOften: a device gives pay.AuthCodesPerMinute codes a minute,
// over any number of connections, and more after the minute.
func TestAuthenticateTooOften(t *testing.T) {
	t.Parallel()
	r := paired(t)
	give := func(what string, n int, want pay.ErrorCode) {
		t.Helper()
		for range n {
			_, err := r.authenticate(r.key, payment())
			wantCode(t, what, err, want)
		}
	}
	give("the first", 4, "")
	r.clock.pass(20_000)
	give("after twenty seconds", pay.AuthCodesPerMinute-4, "")
	give("one too many", 3, pay.CodeTooMany)
	r.clock.pass(39_999)
	give("within the minute of the first", 1, pay.CodeTooMany)
	r.clock.pass(1)
	give("when the first are a minute old", 4, "")
	give("and no more", 1, pay.CodeTooMany)
	// Refused requests do not count; otherwise a wallet that repeats them would
	// never get a code.
	give("again and again", 50, pay.CodeTooMany)
	r.clock.pass(20_000)
	give("when the others are", pay.AuthCodesPerMinute-4, "")
	give("and no more then", 1, pay.CodeTooMany)
	if told := len(r.codes()); told != 2*pay.AuthCodesPerMinute {
		t.Errorf("%d codes were told of", told)
	}
}

// TestClockGivesNoMoreCodes sets the clock of a device without a monotonic clock
// back, and gets no further code before a minute of that clock is over.
func TestClockGivesNoMoreCodes(t *testing.T) {
	t.Parallel()
	r := paired(t)
	for range pay.AuthCodesPerMinute {
		if _, err := r.authenticate(r.key, payment()); err != nil {
			t.Fatal(err)
		}
	}
	for _, back := range []pay.Millis{1, 59_000, 3_600_000, 86_400_000} {
		r.clock.pass(-back)
		_, err := r.authenticate(r.key, payment())
		wantCode(t, "set back", err, pay.CodeTooMany)
	}
}

// TestNoMinuteHoldsMoreCodes draws the moments of requests and counts the codes
// of every minute independently of the device.
func TestNoMinuteHoldsMoreCodes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := paired(t)
		var given []pay.Time
		for range rapid.IntRange(1, 80).Draw(rt, "asks") {
			r.clock.pass(pay.Millis(rapid.SampledFrom([]int{0, 0, 1, 700, 5_000, 6_000, 30_000, 59_999, 60_000}).Draw(rt, "ms")))
			now := pay.TimeOf(r.clock.now())
			lately := slices.DeleteFunc(slices.Clone(given), func(g pay.Time) bool { return now.Sub(g) >= 60_000 })
			_, err := r.authenticate(r.key, payment())
			if want := len(lately) < pay.AuthCodesPerMinute; (err == nil) != want {
				rt.Fatalf("%d codes in the last minute, and now: %v", len(lately), err)
			}
			if err == nil {
				given = append(given, now)
			}
		}
	})
}

// TestAuthenticateAfterRestart: the device stores nothing about its codes; for the
// next one it needs only its key and its binding.
func TestAuthenticateAfterRestart(t *testing.T) {
	t.Parallel()
	r := paired(t)
	before, err := r.authenticate(r.key, payment())
	if err != nil {
		t.Fatal(err)
	}
	r.clock.pass(365 * 86_400_000)
	r.device = r.open(t, r.kept, r.clock.now)
	after, err := r.authenticate(r.key, payment())
	if err != nil || after != before {
		t.Errorf("the same statement after a restart: %v, the same code: %v", err, after == before)
	}
	_, err = r.authenticate(key(t, 2), payment())
	wantCode(t, "another wallet after the restart", err, pay.CodeBound)
}

// TestMinuteIsWhatHasElapsed measures the minute by clock readings with a
// monotonic part, as real devices have.
func TestMinuteIsWhatHasElapsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, 5_000)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		r := &rig{bench: b, key: key(t, 1)}
		r.device = b.open(t, s, time.Now)
		for range pay.AuthCodesPerMinute {
			if _, err := r.authenticate(r.key, payment()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute - time.Millisecond)
		_, err := r.authenticate(r.key, payment())
		wantCode(t, "just before a minute has elapsed", err, pay.CodeTooMany)
		time.Sleep(time.Millisecond)
		if _, err := r.authenticate(r.key, payment()); err != nil {
			t.Errorf("when it has: %v", err)
		}
	})
}
