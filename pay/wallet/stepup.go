package wallet

import (
	"errors"
	"fmt"

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
		Spaces: rows.Spaces{challengeRows.Space, limitRows.Space},
	}
}

var (
	challengeRows = rows.New("c", "the challenge for an offer that demands two channels",
		rows.ID[pay.PaymentID]("PAYMENT"), rows.ID[pay.FactID]("FACT"))
	limitRows = rows.NewSingle("l", "above which amount payments need the device", rows.CBOR[limitRow]())
)

// noteChallenge keeps the challenge for a payment. The first one counts.
func noteChallenge(rows pay.WritableRows, f pay.Fact, c pay.Challenge) error {
	if known, err := challengeRows.Has(rows, c.Payment); known || err != nil {
		return err
	}
	return challengeRows.Put(rows, c.Payment, f.ID())
}

// challenge returns the challenge for a payment; ok is false when there is none.
func challenge(rows pay.Rows, id pay.PaymentID) (c pay.Challenge, ok bool, err error) {
	fact, ok, err := challengeRows.Get(rows, id)
	if err != nil || !ok {
		return c, false, err
	}
	f, ok, err := rows.Fact(fact)
	if err != nil || !ok {
		return c, false, err
	}
	c, err = pay.As[pay.Challenge](f)
	return c, err == nil, err
}

// Witness is a device, and what it has to sign.
type Witness struct {
	Device Device
	Sign   pay.Authentication
}

// Witness returns which device has to give a code before the offer whose
// payment id begins with the digits of id, or the only pending one when id is
// "", can be approved by whom by names. needed is false where one channel is
// enough. Its errors are those of Answer.
func (w *Wallet) Witness(rows pay.Rows, id string, by pay.Rule) (p pay.PaymentID, v Witness, needed bool, err error) {
	rec, err := selectPayment(rows, id)
	if err != nil || rec.Payment.Terms.Method() == pay.MethodOne {
		return rec.Payment.ID, Witness{}, false, err
	}
	p = rec.Payment.ID
	err = answerable(rows, rec.Payment, pay.Approve)
	if err == nil {
		err = checkByPerson(rec.Payment, pay.Approve, by)
	}
	if err != nil {
		return p, Witness{}, false, err // a device is not asked for what cannot be used
	}
	c, ok, err := challenge(rows, p)
	if err != nil {
		return p, Witness{}, false, err
	}
	if !ok {
		return p, Witness{}, false, pay.NewError(pay.CodeDevice, fmt.Sprintf("payment %s demands the device and its challenge is missing", p.Short()),
			"decline it and ask the merchant to charge again")
	}
	r, _, err := deviceRows.Get(rows, c.Device)
	if err != nil {
		return p, Witness{}, false, err
	}
	return p, Witness{
		Device: device(c.Device, r),
		Sign:   pay.AuthenticatePayment(w.options.Root, w.options.Key.ID(), c, rec.Payment.Terms),
	}, true, nil
}

// RuleNeedsWitness returns the open offers that the owner's rule approves and
// that wait for nothing but their device.
func (w *Wallet) RuleNeedsWitness(rows pay.Rows) (ids []pay.PaymentID, err error) {
	list, err := pending(rows)
	for _, o := range list {
		t := o.rec.Payment.Terms
		v, covers := w.options.Rule.verdict(t)
		if covers && v == pay.Approve && t.Method() == pay.MethodTwoChannel && o.answer.Verdict == "" {
			ids = append(ids, o.rec.Payment.ID)
		}
	}
	return ids, err
}

// RuleName returns the name under which the owner's rule answers.
func (w *Wallet) RuleName() pay.Rule { return w.options.Rule.Name }

// checkApproval returns a *pay.Error unless an approval of the payment carries a code
// exactly when its offer demands one, and a person gives it where only a person
// may: a program of the owner's sees no more than a rule does.
func checkApproval(p pay.Payment, v pay.Verdict, by pay.Rule, code pay.AuthCode) error {
	needed := v == pay.Approve && p.Terms.Method() == pay.MethodTwoChannel
	if err := checkByPerson(p, v, by); err != nil {
		return err
	}
	switch {
	case needed && code.IsZero():
		return pay.NewError(pay.CodeDevice, fmt.Sprintf("payment %s needs the word of the device too", p.ID.Short()), "approve it through the wallet's daemon, with the device in reach")
	case !needed && !code.IsZero():
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("payment %s needs no word of the device", p.ID.Short()), "answer it without")
	}
	return nil
}

// checkByPerson returns a *pay.Error with CodeNotAllowed when something other than a
// person approves what only a person may.
func checkByPerson(p pay.Payment, v pay.Verdict, by pay.Rule) error {
	if v == pay.Approve && by != pay.ByHand && p.Terms.StepUp.NeedsPerson() {
		return pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("payment %s is for a person to approve: the code was heard at two places", p.ID.Short()),
			"approve it by hand if you stand at this counter, else decline it")
	}
	return nil
}

// Limit is above which amount this wallet's payments need its device.
type Limit struct {
	Above    pay.Amount // pay.AmountMax: none
	Currency pay.Currency
	Claim    pay.FactID // that set it; zero: none was ever set
	Asked    pay.FactID // the last change that was asked for
	Pending  bool       // Asked is not yet decided
	Refused  pay.Reason // why Asked was refused
}

// limitRow is the limit in force and the last change that this wallet asked for.
type limitRow struct {
	Above    pay.Amount   `cbor:"1,keyasint"`
	Currency pay.Currency `cbor:"2,keyasint"`
	Claim    pay.FactID   `cbor:"3,keyasint"` // that set it; zero: none was ever set
	At       pay.Time     `cbor:"4,keyasint"`
	Asked    pay.FactID   `cbor:"5,keyasint"`
	Refused  pay.Reason   `cbor:"6,keyasint,omitempty"`
	Pending  bool         `cbor:"7,keyasint,omitempty"`
}

// getLimit returns the limit row; without one no amount needs the device.
func getLimit(rows pay.Rows) (limitRow, error) {
	r, ok, err := limitRows.Get(rows)
	if !ok {
		r.Above = pay.AmountMax
	}
	return r, err
}

// Limit returns the limit in force, pay.AmountMax when none was ever set.
func (w *Wallet) Limit(rows pay.Rows) (Limit, error) {
	r, err := getLimit(rows)
	return Limit{Above: r.Above, Currency: r.Currency, Claim: r.Claim, Asked: r.Asked, Pending: r.Pending, Refused: r.Refused}, err
}

// PlanLimit returns the claim that sets a limit and whether a device has to
// agree to it, by signing what PlanLimit returns as sign.
func (w *Wallet) PlanLimit(rows pay.Rows, now pay.Time, above pay.Amount, cur pay.Currency) (l pay.StepUpAbove, sign pay.Authentication, needed bool, err error) {
	r, err := getLimit(rows)
	if err != nil {
		return l, sign, false, err
	}
	if above < 0 || above > pay.AmountMax {
		return l, sign, false, pay.NewError(pay.CodeAmount, "the limit is no amount that can be paid", "give one such as 50.00, or none")
	}
	l = pay.StepUpAbove{Before: r.Claim, Above: above, Currency: cur, Created: now}
	return l, pay.AuthenticateStepUpAbove(w.options.Root, w.options.Key.ID(), l), l.Loosens(r.Above), nil
}

// SetLimit signs what PlanLimit returned, to be posted in the same transaction.
// A limit that has changed since fails with CodeConflict, one that needs a
// device's code and has none with CodeDevice. So does with CodeConflict a change
// while another one is not decided: of two that replace the same limit the
// registry takes one, and which one its owner could not tell.
func (w *Wallet) SetLimit(rows pay.WritableRows, l pay.StepUpAbove) (pay.FactID, pay.Reaction, error) {
	r, err := getLimit(rows)
	switch {
	case err != nil:
		return pay.FactID{}, pay.Reaction{}, err
	case r.Pending:
		return pay.FactID{}, pay.Reaction{}, pay.NewError(pay.CodeConflict, "another change of the limit waits for the registry", "look at it with `paybeacon wallet rules` and try again when it is decided")
	case r.Claim != l.Before:
		return pay.FactID{}, pay.Reaction{}, pay.NewError(pay.CodeConflict, "the limit has changed meanwhile", "look at it with `paybeacon wallet rules` and try again")
	case l.Loosens(r.Above) && l.Code.IsZero():
		return pay.FactID{}, pay.Reaction{}, pay.NewError(pay.CodeDevice, "to raise or lift the limit a device has to agree", "try again with a device of this wallet in reach")
	}
	f, err := pay.Sign(w.options.Key, l)
	if err != nil {
		return pay.FactID{}, pay.Reaction{}, fmt.Errorf("set limit: %w", err)
	}
	r.Asked, r.Pending, r.Refused = f.ID(), true, ""
	return f.ID(), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, limitRows.Put(rows, r)
}

// noteStepUp takes in the registry's word on the limit. The latest counts; of two
// at one moment the one that was said later, because it replaced the other.
func noteStepUp(rows pay.WritableRows, _ pay.Fact, s pay.StepUpStatus) error {
	r, err := getLimit(rows)
	if err != nil {
		return err
	}
	if s.Claim == r.Asked {
		r.Pending = false
	}
	if r.Claim.IsZero() || s.At >= r.At {
		r.Above, r.Currency, r.Claim, r.At = s.Above, s.Currency, s.Claim, s.At
	}
	return limitRows.Put(rows, r)
}

func stepUpRefused(rows pay.WritableRows, claim pay.FactID, _ pay.StepUpAbove, why pay.Reason) error {
	r, err := getLimit(rows)
	if err != nil || r.Asked != claim || !r.Pending {
		return err
	}
	r.Pending, r.Refused = false, why
	return limitRows.Put(rows, r)
}

// decided says that a payment cannot be answered any more.
func decided(p pay.Payment) error {
	return pay.NewError(pay.CodeDecided, fmt.Sprintf("payment %s is decided already: it is %s", p.ID.Short(), p.State), "nothing was changed")
}

// understood says whether this wallet may approve: pay.CodeUpgrade is no error
// here, but a reason to leave the offer to a person.
func understood(rows pay.Rows) (bool, error) {
	err := history.Understands(rows)
	var known *pay.Error
	if errors.As(err, &known) && known.Code == pay.CodeUpgrade {
		return false, nil
	}
	return err == nil, err
}
