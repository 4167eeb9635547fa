package wallet

import (
	"fmt"
	"math"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// stepUps is what belongs to two channels alone. An offer that needs two channels
// is preceded by a challenge, which names the device. Everything that a device
// signs is made here from the offer and the challenge; the program that talks to
// the device only carries it.
func (w *Wallet) stepUps() history.Feature {
	return history.Feature{
		Name: "step-up",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindChallenge: history.Mirror(noteChallenge),
			pay.KindStepUp:    history.Mirror(noteStepUp),
		},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindStepUpAbove: history.Refused(stepUpRefused),
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindStepUpAbove: history.Recalled(stepUpRecalled),
		},
		Spaces: rows.Spaces{challengeRows.Space, stepUpRows.Space},
	}
}

// Challenges is what the keys of the rows begin with that name challenges. Such a row
// is written when the challenge comes and again with each offer that demands it, so
// that whoever watches them need not look at other offers.
const Challenges byte = 'c'

var (
	challengeRows = rows.New(string(Challenges), "the challenge for an offer that demands two channels",
		rows.ID[pay.PaymentID]("PAYMENT"), rows.ID[pay.FactID]("FACT"))
	stepUpRows = rows.NewSingle("l", "above which amount payments need the device", rows.CBOR[stepUpRow]())
)

// noteChallenge keeps the challenge for a payment. The first one counts.
func noteChallenge(tx pay.WritableRows, f pay.Fact, c pay.Challenge) error {
	if known, err := challengeRows.Has(tx, c.Payment); known || err != nil {
		return err
	}
	return challengeRows.Put(tx, c.Payment, f.ID())
}

// touchChallenge writes the challenge of an offer that demands two channels again.
func touchChallenge(tx pay.WritableRows, p pay.Payment) error {
	if p.Decision.Method() != pay.MethodTwoChannel {
		return nil
	}
	fact, ok, err := challengeRows.Get(tx, p.ID)
	if err != nil || !ok {
		return err
	}
	return challengeRows.Put(tx, p.ID, fact)
}

// challenge returns the challenge for a payment; ok is false when there is none.
func challenge(view pay.Rows, id pay.PaymentID) (c pay.Challenge, ok bool, err error) {
	fact, ok, err := challengeRows.Get(view, id)
	if err != nil || !ok {
		return c, false, err
	}
	f, ok, err := view.Fact(fact)
	if err != nil || !ok {
		return c, false, err
	}
	c, err = pay.As[pay.Challenge](f)
	return c, err == nil, err
}

// withStepUp returns a payment as its owner has to take it. Where the device was
// asked after an offer by one channel, its code was heard elsewhere since.
func withStepUp(view pay.Rows, p pay.Payment) (pay.Payment, error) {
	if p.State != pay.StateOffered || p.Decision.StepUp != "" {
		return p, nil
	}
	asked, err := challengeRows.Has(view, p.ID)
	if asked {
		p.Decision.StepUp = pay.StepUpElsewhere
	}
	return p, err
}

// Witness is a device, and what it has to sign.
type Witness struct {
	Device Device
	Sign   pay.Authentication
}

// Witness returns which device has to give a code before the offer whose
// payment id begins with the digits of id, or the only pending one when id is
// "", can be approved by `by`, a person or a rule, with a tip or with none. needed is false
// where one channel is enough. Its errors are those of Answer.
func (w *Wallet) Witness(view pay.Rows, id string, by pay.Rule, tip pay.Amount) (p pay.PaymentID, v Witness, needed bool, err error) {
	rec, err := selectPayment(view, id)
	if err != nil || rec.Payment.Decision.Method() == pay.MethodOne {
		return rec.Payment.ID, Witness{}, false, err
	}
	p = rec.Payment.ID
	err = checkTip(view, rec.Payment, pay.Approve, tip)
	if err == nil {
		err = answerable(view, rec.Payment, pay.Approve)
	}
	if err == nil {
		err = checkByPerson(rec.Payment, pay.Approve, by)
	}
	if err != nil {
		return p, Witness{}, false, err // a device is not asked for what cannot be used
	}
	c, ok, err := challenge(view, p)
	if err != nil {
		return p, Witness{}, false, err
	}
	if !ok {
		return p, Witness{}, false, pay.NewCase(pay.CodeDevice, "challenge_missing", fmt.Sprintf("payment %s demands the device and its challenge is missing", p.Short()))
	}
	r, _, err := deviceRows.Get(view, c.Device)
	if err != nil {
		return p, Witness{}, false, err
	}
	return p, Witness{
		Device: device(c.Device, r),
		Sign:   pay.AuthenticatePayment(w.options.Root, w.options.Key.ID(), c, rec.Payment.Decision, tip),
	}, true, nil
}

// ByRule is an offer that a rule approves, and the name under which it does.
type ByRule struct {
	Payment pay.PaymentID
	By      pay.Rule
}

// RuleNeedsWitness returns the open offers that a rule of the owner's approves and
// that wait for nothing but their device. Its errors are the store's.
func (w *Wallet) RuleNeedsWitness(view pay.Rows, now pay.Time) (offers []ByRule, err error) {
	list, _, err := pending(view, openRows.All(), math.MaxInt)
	if err != nil {
		return nil, err
	}
	for _, o := range list {
		t := o.rec.Payment.Decision
		if t.Method() != pay.MethodTwoChannel || o.answer.Verdict != "" {
			continue
		}
		v, by, covers, err := w.ruleFor(view, now, t)
		if err != nil {
			return nil, err
		}
		if covers && v == pay.Approve {
			offers = append(offers, ByRule{o.rec.Payment.ID, by})
		}
	}
	return offers, nil
}

// checkApproval returns a *pay.Error unless an approval of the payment carries a
// code exactly when its offer demands one, and a person gives it where only a
// person may: a program of the owner's sees no more than a rule does.
func checkApproval(p pay.Payment, v pay.Verdict, by pay.Rule, code pay.AuthCode) error {
	needed := v == pay.Approve && p.Decision.Method() == pay.MethodTwoChannel
	if err := checkByPerson(p, v, by); err != nil {
		return err
	}
	switch {
	case needed && code.IsZero():
		return pay.NewCase(pay.CodeDevice, "device_needed", fmt.Sprintf("payment %s needs the word of the device too", p.ID.Short()))
	case !needed && !code.IsZero():
		return pay.NewCase(pay.CodeUsage, "device_not_needed", fmt.Sprintf("payment %s needs no word of the device", p.ID.Short()))
	}
	return nil
}

// checkByPerson returns a *pay.Error with CodeNotAllowed when something other
// than a person approves what only a person may; see pay.Terms.Asks.
func checkByPerson(p pay.Payment, v pay.Verdict, by pay.Rule) error {
	if v != pay.Approve || by == pay.ByHand {
		return nil
	}
	switch p.Decision.Asks() {
	case "":
		return nil
	case pay.AsksElsewhere:
		return pay.NewCase(pay.CodeNotAllowed, "person_needed", fmt.Sprintf("payment %s is for a person to approve: the code was heard at two places", p.ID.Short()))
	default:
		return pay.NewCase(pay.CodeNotAllowed, "evidence_short", fmt.Sprintf("payment %s is for a person to approve: how its payer was found is not enough for a rule", p.ID.Short()))
	}
}

// StepUpAbove is above which amount this wallet's payments need its device.
type StepUpAbove struct {
	Above    pay.Amount // pay.AmountMax: none
	Currency pay.Currency
	Claim    pay.FactID // that set it; zero: none was ever set
	Asked    pay.FactID // the last change that was asked for
	Pending  bool       // Asked is not yet decided
	Refused  pay.Reason // why Asked was refused
}

// stepUpRow is the amount in force and the last change that this wallet asked for.
type stepUpRow struct {
	Above    pay.Amount   `cbor:"1,keyasint"`
	Currency pay.Currency `cbor:"2,keyasint"`
	Claim    pay.FactID   `cbor:"3,keyasint"` // that set it; zero: none was ever set
	At       pay.Time     `cbor:"4,keyasint"`
	Asked    pay.FactID   `cbor:"5,keyasint"`
	Refused  pay.Reason   `cbor:"6,keyasint,omitempty"`
	Pending  bool         `cbor:"7,keyasint,omitempty"`
}

// stepUpInForce returns the row; without one no amount needs the device.
func stepUpInForce(view pay.Rows) (stepUpRow, error) {
	r, ok, err := stepUpRows.Get(view)
	if !ok {
		r.Above = pay.AmountMax
	}
	return r, err
}

// StepUpAbove returns the amount in force, pay.AmountMax when none was ever set.
// Its errors are the store's.
func (w *Wallet) StepUpAbove(view pay.Rows) (StepUpAbove, error) {
	r, err := stepUpInForce(view)
	return StepUpAbove{Above: r.Above, Currency: r.Currency, Claim: r.Claim, Asked: r.Asked, Pending: r.Pending, Refused: r.Refused}, err
}

// PlanStepUpAbove returns the claim that sets the amount and whether a device has
// to agree to it, by signing what it returns as sign. An amount that cannot be
// paid is a *pay.Error with CodeAmount.
func (w *Wallet) PlanStepUpAbove(view pay.Rows, now pay.Time, above pay.Amount, cur pay.Currency) (l pay.StepUpAbove, sign pay.Authentication, needed bool, err error) {
	r, err := stepUpInForce(view)
	if err != nil {
		return l, sign, false, err
	}
	if above < 0 || above > pay.AmountMax {
		return l, sign, false, pay.NewCase(pay.CodeAmount, "step_up_form", "the limit is no amount that can be paid")
	}
	l = pay.StepUpAbove{Before: r.Claim, Above: above, Currency: cur, Created: now}
	return l, pay.AuthenticateStepUpAbove(w.options.Root, w.options.Key.ID(), l), l.Loosens(r.Above), nil
}

// SetStepUpAbove signs what PlanStepUpAbove returned, to be published in the same
// transaction. Its errors are *pay.Error: CodeDevice for a claim that needs a
// device's code and has none, CodeConflict when the amount has changed since, or
// while another change is not decided: of two that replace the same amount the
// registry takes one, and the owner could not tell which.
func (w *Wallet) SetStepUpAbove(tx pay.WritableRows, l pay.StepUpAbove) (pay.FactID, pay.Reaction, error) {
	r, err := stepUpInForce(tx)
	switch {
	case err != nil:
		return pay.FactID{}, pay.Reaction{}, err
	case r.Pending:
		return pay.FactID{}, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "step_up_pending", "another change of the limit waits for the registry")
	case r.Claim != l.Before:
		return pay.FactID{}, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "step_up_changed", "the limit has changed meanwhile")
	case l.Loosens(r.Above) && l.Code.IsZero():
		return pay.FactID{}, pay.Reaction{}, pay.NewCase(pay.CodeDevice, "step_up_needs_device", "to raise or lift the limit a device has to agree")
	}
	f, err := pay.Sign(w.options.Key, l)
	if err != nil {
		return pay.FactID{}, pay.Reaction{}, fmt.Errorf("set step-up-above: %w", err)
	}
	r.Asked, r.Pending, r.Refused = f.ID(), true, ""
	return f.ID(), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, stepUpRows.Put(tx, r)
}

// noteStepUp takes in the registry's status of the amount. The latest counts; of
// two of one moment the one that comes later in the feed, because it replaced the
// other.
func noteStepUp(tx pay.WritableRows, _ pay.Fact, s pay.StepUpStatus) error {
	r, err := stepUpInForce(tx)
	if err != nil {
		return err
	}
	if s.Claim == r.Asked {
		r.Pending = false
	}
	if r.Claim.IsZero() || s.At >= r.At {
		r.Above, r.Currency, r.Claim, r.At = s.Above, s.Currency, s.Claim, s.At
	}
	return stepUpRows.Put(tx, r)
}

// stepUpRefused notes that the registry refused the last change.
func stepUpRefused(tx pay.WritableRows, claim pay.FactID, _ pay.StepUpAbove, why pay.Reason) error {
	r, err := stepUpInForce(tx)
	if err != nil || r.Asked != claim || !r.Pending {
		return err
	}
	r.Pending, r.Refused = false, why
	return stepUpRows.Put(tx, r)
}
