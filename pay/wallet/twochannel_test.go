package wallet_test

import (
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// beacon is the seed of the device in these tests.
const beacon byte = 50

// challengeFor returns the registry's challenge for payment n to the device
// with a seed.
func (w *world) challengeFor(n byte, seed byte, nonce pay.Nonce) pay.Fact {
	w.Helper()
	return sign(w, w.working, pay.Challenge{Payment: pay.PaymentID{n, 0xaa}, Device: key(w, seed).ID(), Nonce: nonce, At: start.Add(pay.Millis(n))})
}

// demanding returns an offer that demands two channels.
func (w *world) demanding(n byte, amount pay.Amount, why pay.StepUp) pay.Fact {
	w.Helper()
	d := decisionOf(w, w.offer(n, amount, "EUR"))
	d.StepUp = why
	return sign(w, w.working, d)
}

// stepUp delivers challenge and offer, in the registry's order.
func (w *world) stepUp(n byte, amount pay.Amount, why pay.StepUp) (offer pay.Fact, posted []pay.Fact) {
	w.Helper()
	w.deliver(w.challengeFor(n, beacon, pay.Nonce{n}))
	offer = w.demanding(n, amount, why)
	return offer, w.deliver(offer)
}

func (w *world) witness(id string) (wallet.Witness, bool, error) {
	w.Helper()
	_, v, needed, err := w.wallet.Witness(w.rows, id, pay.ByHand, 0)
	return v, needed, err
}

// code is what the device with a seed gives for a witness.
func (w *world) code(seed byte, v wallet.Witness) pay.AuthCode {
	w.Helper()
	code, err := pay.Authenticate(key(w, seed), v.Sign)
	if err != nil {
		w.Fatal(err)
	}
	return code
}

// answerWith is Answer with a code. It fails when an error leaves
// anything behind.
func (w *world) answerWith(id string, v pay.Verdict, by pay.Rule, code pay.AuthCode) (pay.Fact, error) {
	w.Helper()
	before := w.snapshot()
	_, r, err := w.wallet.Answer(w.rows, w.now, id, v, by, code)
	w.publish(r)
	if err != nil {
		if w.snapshot() != before || len(r.Publications) != 0 {
			w.Fatalf("%v, and yet something changed", err)
		}
		return pay.Fact{}, err
	}
	return r.Publications[0].Fact, nil
}

func (w *world) ruleNeeds() []pay.PaymentID {
	w.Helper()
	offers, err := w.wallet.RuleNeedsWitness(w.rows, w.now)
	if err != nil {
		w.Fatal(err)
	}
	var ids []pay.PaymentID
	for _, o := range offers {
		ids = append(ids, o.Payment)
	}
	return ids
}

// TestWitness: what the device has to sign is made of the challenge, the offer
// and the wallet's own names, and of nothing that the device or a person adds.
func TestWitness(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	id, mapping := w.mustPair(beacon)
	w.deliver(w.status(id, pay.DeviceActive, mapping.ID(), start))
	offer, posted := w.stepUp(1, 1250, pay.StepUpMerchant)
	if len(posted) != 0 {
		t.Fatal("somebody answered")
	}
	p, v, needed, err := w.wallet.Witness(w.rows, "", pay.ByHand, 0)
	want := pay.Authentication{
		Purpose: pay.PurposePay, Registry: w.root.ID(), Wallet: w.own.ID(), Nonce: pay.Nonce{1}, Subject: decisionOf(t, offer).Payment,
		Merchant: "m/cafe", Amount: 1250, Currency: "EUR",
	}
	if err != nil || !needed || p != decisionOf(t, offer).Payment || v.Sign != want {
		t.Fatalf("witness of %s is %+v (%v, %v), want %+v", p.Short(), v.Sign, needed, err, want)
	}
	if v.Device.ID != id || v.Device.Link != "127.0.0.1:9" || v.Device.State != pay.DeviceActive {
		t.Errorf("it is to be asked of %+v", v.Device)
	}
	if e := w.show(p); e.StepUp != pay.StepUpMerchant || e.Payment.Decision.Method() != pay.MethodTwoChannel {
		t.Errorf("the offer shows as %+v", e)
	}
	f, err := w.answerWith("", pay.Approve, pay.ByHand, w.code(beacon, v))
	if err != nil {
		t.Fatal(err)
	}
	a, err := pay.As[pay.Answer](f)
	if err != nil || v.Sign.Verify(key(t, beacon).Public(), a.Code) != nil || a.Verdict != pay.Approve || a.Offer != offer.ID() {
		t.Errorf("the answer is %+v, %v", a, err)
	}
}

// TestWitnessErrors: when there is nothing to ask a device for, the wallet returns
// why before it looks for one.
func TestWitnessErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		before func(w *world) string
		needed bool
		want   pay.ErrorCode
	}{
		{"nothing is pending", func(*world) string { return "" }, false, pay.CodeNotFound},
		{"nothing of this name", func(*world) string { return "77" }, false, pay.CodeNotFound},
		{"one channel is enough", func(w *world) string { w.deliver(w.offer(1, 5, "EUR")); return "" }, false, ""},
		{"one channel, by its name", func(w *world) string { w.deliver(w.offer(1, 5, "EUR")); return "01aa" }, false, ""},
		{"two offers", func(w *world) string {
			w.stepUp(1, 5, pay.StepUpPayer)
			w.stepUp(2, 5, pay.StepUpPayer)
			return ""
		}, false, pay.CodeUsage},
		{"one of two", func(w *world) string {
			w.stepUp(1, 5, pay.StepUpPayer)
			w.stepUp(2, 5, pay.StepUpPayer)
			return "02aa"
		}, true, ""},
		{"it has ended", func(w *world) string {
			offer, _ := w.stepUp(1, 5, pay.StepUpPayer)
			w.deliver(w.end(offer, pay.StateExpired, pay.FactID{}))
			return "01aa"
		}, false, pay.CodeDecided},
		{"it is answered", func(w *world) string {
			w.stepUp(1, 5, pay.StepUpPayer)
			if _, err := w.answerWith("", pay.Approve, pay.ByHand, pay.AuthCode{1}); err != nil {
				w.Fatal(err)
			}
			return "01aa"
		}, false, pay.CodeDecided},
		{"the wallet may not approve", func(w *world) string {
			w.stepUp(1, 5, pay.StepUpPayer)
			w.deliver(sign(w, w.working, foreignKind{"must-escrow", 1}))
			return ""
		}, false, pay.CodeUpgrade},
		{"the challenge is missing", func(w *world) string { w.deliver(w.demanding(1, 5, pay.StepUpPayer)); return "" }, false, pay.CodeDevice},
		{"the challenge is another payment's", func(w *world) string {
			w.deliver(w.challengeFor(2, beacon, pay.Nonce{2}))
			w.deliver(w.demanding(1, 5, pay.StepUpPayer))
			return ""
		}, false, pay.CodeDevice},
		{"the challenge comes after the offer", func(w *world) string {
			w.deliver(w.demanding(1, 5, pay.StepUpPayer))
			w.deliver(w.challengeFor(1, beacon, pay.Nonce{1}))
			return ""
		}, true, ""},
		{"a demand that this program does not know", func(w *world) string { w.stepUp(1, 5, "full_moon"); return "" }, true, ""},
		{"the device is not known", func(w *world) string { w.stepUp(1, 5, pay.StepUpPayer); return "" }, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			id := c.before(w)
			v, needed, err := w.witness(id)
			wantCode(t, err, c.want)
			if needed != c.needed || (needed && v.Device.ID != key(t, beacon).ID()) || (!needed && v != (wallet.Witness{})) {
				t.Errorf("needed %v, witness %+v", needed, v)
			}
		})
	}
}

// TestFirstChallengeCounts: the challenge that stood before the offer is the
// one that the registry checks against. A second one, of whatever device, does
// not send the person to another device.
func TestFirstChallengeCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	w.stepUp(1, 5, pay.StepUpPayer)
	before := w.snapshot()
	for _, again := range []pay.Fact{w.challengeFor(1, beacon, pay.Nonce{1}), w.challengeFor(1, beacon, pay.Nonce{9}), w.challengeFor(1, 51, pay.Nonce{1})} {
		w.deliver(again)
	}
	if v, _, err := w.witness(""); err != nil || v.Device.ID != key(t, beacon).ID() || v.Sign.Nonce != (pay.Nonce{1}) || w.snapshot() != before {
		t.Errorf("after more challenges the witness is %+v, %v", v, err)
	}
}

// TestAnswerNeedsTheCode: an approval carries a code exactly when the offer
// demands one. Nothing is stored or published when it does not.
func TestAnswerNeedsTheCode(t *testing.T) {
	t.Parallel()
	code := pay.AuthCode{1}
	for _, c := range []struct {
		name    string
		demand  pay.StepUp
		verdict pay.Verdict
		by      pay.Rule
		code    pay.AuthCode
		want    pay.ErrorCode
	}{
		{"approved with it", pay.StepUpPayer, pay.Approve, pay.ByHand, code, ""},
		{"approved by a program, with it", pay.StepUpPayer, pay.Approve, "exec:guard", code, ""},
		{"approved without", pay.StepUpPayer, pay.Approve, pay.ByHand, pay.AuthCode{}, pay.CodeDevice},
		{"approved without, whatever the demand", "full_moon", pay.Approve, pay.ByHand, pay.AuthCode{}, pay.CodeDevice},
		{"declined without", pay.StepUpPayer, pay.Decline, pay.ByHand, pay.AuthCode{}, ""},
		{"declined with one", pay.StepUpPayer, pay.Decline, pay.ByHand, code, pay.CodeUsage},
		{"one channel, approved without", "", pay.Approve, pay.ByHand, pay.AuthCode{}, ""},
		{"one channel, approved with one", "", pay.Approve, pay.ByHand, code, pay.CodeUsage},
		{"one channel, declined with one", "", pay.Decline, pay.ByHand, code, pay.CodeUsage},
		{"heard at two sites, approved by hand", pay.StepUpElsewhere, pay.Approve, pay.ByHand, code, ""},
		{"heard at two sites, approved by a program", pay.StepUpElsewhere, pay.Approve, "exec:guard", code, pay.CodeNotAllowed},
		{"heard at two sites, approved by a rule", pay.StepUpElsewhere, pay.Approve, "all", code, pay.CodeNotAllowed},
		{"heard at two sites, declined by a program", pay.StepUpElsewhere, pay.Decline, "exec:guard", pay.AuthCode{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, wallet.Rule{})
			if c.demand == "" {
				w.deliver(w.offer(1, 5, "EUR"))
			} else {
				w.stepUp(1, 5, c.demand)
			}
			f, err := w.answerWith("", c.verdict, c.by, c.code)
			wantCode(t, err, c.want)
			if err != nil {
				if len(w.pending()) != 1 {
					t.Error("the offer is not pending any more")
				}
				return
			}
			a, err := pay.As[pay.Answer](f)
			if err != nil || a.Code != c.code || a.Verdict != c.verdict || a.By != c.by {
				t.Errorf("the answer is %+v, %v", a, err)
			}
		})
	}
}

// TestRulesAndDemands: no rule approves an offer that demands two channels by
// itself. Where it covers the offer, RuleNeedsWitness names it; where a person is
// needed, it does not.
func TestRulesAndDemands(t *testing.T) {
	t.Parallel()
	under := wallet.Rule{Kind: wallet.Under, Limit: 2000, Currency: "EUR", Name: "under:20.00"}
	everyDemand := []pay.StepUp{pay.StepUpElsewhere, pay.StepUpDrift, pay.StepUpRepaired, pay.StepUpSilence, pay.StepUpPayer, pay.StepUpMerchant, "full_moon"}
	for _, c := range []struct {
		name     string
		rule     wallet.Rule
		amount   pay.Amount
		declines bool
		fetches  bool // the code, unless a person is needed
	}{
		{"no rule", wallet.Rule{}, 5, false, false},
		{"none", wallet.Rule{Kind: wallet.None}, 5, true, false},
		{"all", wallet.Rule{Kind: wallet.All}, 5, false, true},
		{"under, covered", under, 2000, false, true},
		{"under, too much", under, 2001, false, false},
	} {
		for _, demand := range everyDemand {
			t.Run(c.name+" "+string(demand), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, c.rule)
				offer, posted := w.stepUp(1, c.amount, demand)
				if c.declines {
					if len(posted) != 1 {
						t.Fatalf("%d answers", len(posted))
					}
					wantAnswer(t, w, posted[0], offer, pay.Decline, "none")
				} else if len(posted) != 0 || len(w.pending()) != 1 {
					t.Fatalf("%d answers, %d pending", len(posted), len(w.pending()))
				}
				var want []pay.PaymentID
				if c.fetches && demand != pay.StepUpElsewhere {
					want = []pay.PaymentID{decisionOf(t, offer).Payment}
				}
				if got := w.ruleNeeds(); !slices.Equal(got, want) {
					t.Errorf("to be fetched: %v, want %v", got, want)
				}
			})
		}
	}
}

// TestRuleNeedsWitnessOnce: an offer waits for its device until somebody has
// answered it or it has ended; a refused answer is for a person to repeat.
func TestRuleNeedsWitnessOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.All})
	first, _ := w.stepUp(1, 5, pay.StepUpPayer)
	second, _ := w.stepUp(2, 5, pay.StepUpMerchant)
	w.stepUp(3, 5, pay.StepUpElsewhere)
	w.deliver(w.offer(4, 5, "EUR")) // the rule answers this one at once
	ids := []pay.PaymentID{decisionOf(t, first).Payment, decisionOf(t, second).Payment}
	if got := w.ruleNeeds(); !slices.Equal(got, ids) {
		t.Fatalf("to be fetched: %v, want %v", got, ids)
	}
	v, _, err := w.witness(ids[0].String())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.answerWith(ids[0].String(), pay.Approve, "all", w.code(beacon, v))
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ruleNeeds(); !slices.Equal(got, ids[1:]) {
		t.Errorf("after one answer: %v", got)
	}
	w.refuse(answer, pay.ReasonWrongCode)
	if e := w.show(ids[0]); e.Refusal != pay.ReasonWrongCode || e.Answering {
		t.Errorf("refused, it shows as %+v", e)
	}
	if got := w.ruleNeeds(); !slices.Equal(got, ids[1:]) {
		t.Errorf("after its refusal the rule would try again: %v", got)
	}
	w.now++
	if _, err := w.answerWith(ids[0].String(), pay.Approve, pay.ByHand, w.code(beacon, v)); err != nil {
		t.Errorf("a person, after the refusal: %v", err)
	}
	w.deliver(w.end(second, pay.StateExpired, pay.FactID{}))
	if got := w.ruleNeeds(); len(got) != 0 {
		t.Errorf("after all have ended: %v", got)
	}
}

// TestCapturedByTwoChannels: the receipt and the account do not differ from
// those of one channel, and the wallet knows its own approval again.
func TestCapturedByTwoChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	offer, _ := w.stepUp(1, 1250, pay.StepUpSilence)
	v, _, err := w.witness("")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.answerWith("", pay.Approve, pay.ByHand, w.code(beacon, v))
	if err != nil {
		t.Fatal(err)
	}
	w.deliver(w.end(offer, pay.StateCaptured, answer.ID()))
	e := w.show(decisionOf(t, offer).Payment)
	if e.State() != pay.StateCaptured || e.StepUp != pay.StepUpSilence || w.balance("EUR") != -1250 {
		t.Errorf("it shows as %+v, the balance is %d", e, w.balance("EUR"))
	}
	if found, err := history.Findings(w.rows); err != nil || len(found) != 0 {
		t.Errorf("findings: %+v, %v", found, err)
	}
}

// TestDeviceAskedAfterTheOffer: a challenge that comes after an offer by one
// channel makes it one that a person answers with the device; the rule is silent,
// and so it is for an answer of the rule that the registry refused for that.
func TestDeviceAskedAfterTheOffer(t *testing.T) {
	t.Parallel()
	for name, rule := range map[string]wallet.Rule{"a person answers": {Kind: wallet.Ask}, "the rule's answer was refused": {Kind: wallet.All, Name: "all"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, rule)
			offer := w.offer(1, 1250, "EUR")
			posted := w.deliver(offer)
			id := decisionOf(w, offer).Payment.String()
			w.deliver(w.challengeFor(1, beacon, pay.Nonce{1}))
			for _, f := range posted {
				w.refuse(f, pay.ReasonNeedsDevice)
			}
			if got := w.ruleNeeds(); len(got) != 0 {
				t.Errorf("the rule would ask the device about %v", got)
			}
			list, err := w.wallet.Pending(w.rows, w.now)
			if err != nil || len(list) != 1 || list[0].StepUp != pay.StepUpElsewhere {
				t.Fatalf("pending are %+v, %v", list, err)
			}
			_, err = w.answerWith(id, pay.Approve, pay.ByHand, pay.AuthCode{})
			wantCode(t, err, pay.CodeDevice)
			v, needed, err := w.witness(id)
			if err != nil || !needed {
				t.Fatalf("the device is not needed: %v", err)
			}
			_, err = w.answerWith(id, pay.Approve, "exec:guard", w.code(beacon, v))
			wantCode(t, err, pay.CodeNotAllowed)
			f, err := w.answerWith(id, pay.Approve, pay.ByHand, w.code(beacon, v))
			if err != nil {
				t.Fatal(err)
			}
			if a, err := pay.As[pay.Answer](f); err != nil || a.Code.IsZero() || a.Offer != offer.ID() {
				t.Errorf("answered %+v, %v", a, err)
			}
		})
	}
}
