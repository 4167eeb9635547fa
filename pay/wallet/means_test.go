package wallet_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

var visa = pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: "sim-ok"}

func (w *world) addMeans(m pay.Means) (wallet.Means, pay.Fact) {
	w.Helper()
	got, r, err := w.wallet.AddMeans(w.rows, w.now, m)
	if err != nil {
		w.Fatalf("add means: %v", err)
	}
	w.publish(r)
	w.now++
	if len(r.Publications) == 0 {
		return got, pay.Fact{}
	}
	return got, r.Publications[0].Fact
}

func (w *world) endMeans(name pay.Name) (wallet.Means, pay.Fact) {
	w.Helper()
	got, r, err := w.wallet.EndMeans(w.rows, w.now, name)
	if err != nil {
		w.Fatalf("end means: %v", err)
	}
	w.publish(r)
	w.now++
	if len(r.Publications) == 0 {
		return got, pay.Fact{}
	}
	return got, r.Publications[0].Fact
}

// stated delivers the registry's status of visa by a claim.
func (w *world) stated(claim pay.Fact, ended bool) {
	w.Helper()
	w.deliver(sign(w, w.working, pay.MeansStatus{Name: "visa", Acquirer: pay.AcquirerSim, Claim: claim.ID(), Ended: ended, Test: !ended, At: w.now}))
}

func (w *world) visa() wallet.Means {
	w.Helper()
	m, err := w.wallet.MeansNamed(w.rows, "visa")
	if err != nil {
		w.Fatalf("means: %v", err)
	}
	return m
}

func TestMeansIsActiveOnceTheRegistrySaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	m, claim := w.addMeans(visa)
	if m.State != wallet.MeansPending || claim.IsZero() {
		t.Fatalf("%+v", m)
	}
	if _, again := w.addMeans(visa); !again.IsZero() {
		t.Error("what is asked for was asked again")
	}
	wantCode(t, w.wallet.CheckMeans(w.rows, "visa"), pay.CodeConflict)
	w.stated(claim, false)
	if m := w.visa(); m.State != wallet.MeansActive || !m.Test {
		t.Errorf("%+v", m)
	}
	wantCode(t, w.wallet.CheckMeans(w.rows, "visa"), "")
	wantCode(t, w.wallet.CheckMeans(w.rows, ""), "")
	wantCode(t, w.wallet.CheckMeans(w.rows, "amex"), pay.CodeNotFound)
	if _, again := w.addMeans(visa); !again.IsZero() {
		t.Error("what is in use was asked for again")
	}
	other := visa
	other.Token = "sim-lost"
	if m, claim := w.addMeans(other); m.State != wallet.MeansPending || claim.IsZero() {
		t.Errorf("another token changed nothing: %+v", m)
	}
}

func TestMeansEndsOnceTheRegistrySaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	_, _, err := w.wallet.EndMeans(w.rows, w.now, "visa")
	wantCode(t, err, pay.CodeNotFound)
	_, claim := w.addMeans(visa)
	w.stated(claim, false)
	m, end := w.endMeans("visa")
	if m.State != wallet.MeansPending || end.IsZero() {
		t.Fatalf("%+v", m)
	}
	if _, again := w.endMeans("visa"); !again.IsZero() {
		t.Error("the end was asked for again")
	}
	w.stated(end, true)
	if m := w.visa(); m.State != wallet.MeansEnded {
		t.Errorf("%+v", m)
	}
	if _, again := w.endMeans("visa"); !again.IsZero() {
		t.Error("what has ended was ended")
	}
	if _, claim := w.addMeans(visa); claim.IsZero() {
		t.Error("what has ended was not added again")
	}
}

func TestMeansThatTheRegistryRefusesSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	_, claim := w.addMeans(visa)
	w.refuse(claim, pay.ReasonNoAcquirer)
	if m := w.visa(); m.State != wallet.MeansEnded || m.Reason != pay.ReasonNoAcquirer {
		t.Errorf("%+v", m)
	}
	_, claim = w.addMeans(visa)
	w.stated(claim, false)
	other := visa
	other.Token = "sim-lost"
	_, claim = w.addMeans(other)
	w.refuse(claim, pay.ReasonTooMany)
	if m := w.visa(); m.State != wallet.MeansActive || m.Reason != pay.ReasonTooMany {
		t.Errorf("the means in use is %+v after a change was refused", m)
	}
}

// TestCardNumberIsRefusedAndNotKept: neither in a name nor in a token.
func TestCardNumberIsRefusedAndNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	before := w.snapshot()
	for _, m := range []pay.Means{
		{Name: "visa", Acquirer: pay.AcquirerStripe, Token: "4242 4242 4242 4242"},
		{Name: "4242424242424242", Acquirer: pay.AcquirerStripe, Token: "pm_1"},
	} {
		_, _, err := w.wallet.AddMeans(w.rows, w.now, m)
		wantCode(t, err, pay.CodeCardNumber)
		if strings.Contains(err.Error(), "4242") {
			t.Errorf("the error shows it: %v", err)
		}
	}
	_, _, err := w.wallet.AddMeans(w.rows, w.now, pay.Means{Name: "", Acquirer: pay.AcquirerSim, Token: "sim-ok"})
	wantCode(t, err, pay.CodeUsage)
	if w.snapshot() != before {
		t.Error("something was written")
	}
}

// TestMeansOfAWalletBeforeShowsInItsSuccessor: the feed alone says what the scope pays by.
func TestMeansOfAWalletBeforeShowsInItsSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	before := sign(t, key(t, 9), pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: "sim-ok", Created: start})
	w.stated(before, false)
	if m := w.visa(); m.State != wallet.MeansActive {
		t.Errorf("%+v", m)
	}
	if _, end := w.endMeans("visa"); end.IsZero() {
		t.Error("it cannot be ended")
	}
}

// TestRecalledMeansIsPendingUntilTheFeedFollows: the store of the wallet is an older copy.
func TestRecalledMeansIsPendingUntilTheFeedFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	m := visa
	m.Created = start
	claim := sign(t, w.own, m)
	end := sign(t, w.own, pay.MeansEnd{Name: "visa", Created: start + 1})
	for _, f := range []pay.Fact{claim, end} {
		w.facts[f.ID()] = f
		w.react(pay.ClaimRecalled{Fact: f})
		if m := w.visa(); m.State != wallet.MeansPending || m.Acquirer != pay.AcquirerSim {
			t.Errorf("%+v", m)
		}
	}
	w.stated(claim, false)
	w.stated(end, true)
	if m := w.visa(); m.State != wallet.MeansEnded {
		t.Errorf("%+v", m)
	}
}
