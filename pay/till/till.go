// Package till is the role of a merchant's box: from a payer who is near to a
// request, and from the registry's decisions to what the merchant sees.
//
// # Flow
//
//	Repeated: is the key known?  --yes-->  the first payment again
//	   | no
//	Pick: who is to be charged?  (pure, over what the box hears)
//	   |
//	Charge --request--> outbox ... registry ... feed --React--> Entry
//	   '--- Cancel --cancel--> with the request while it is unsent, else behind it
//
// All of it works on the rows of the box's store, inside the caller's
// transaction, and reads no clock.
//
// # Layout
//
// Beside the rows of package history, which begin with 'h':
//
//	a KEY 00 PAYMENT  what this box asked for on a payment
//	b NUMBER   a bill of the merchant, and what this box opened by it
//	e SITE     when another place was last said to hear the customers of a site
//	k KEY      the payment that an idempotency key stands for; keys never expire
//	f ID       a fuelling: who, at which pump, and what became of it
//	g PUMP TRANSACTION  the fuelling of what a pump gave
//	m TAG      the payment that a key of any box of the merchant stands for
//	n PLACES   what was last declared of two places
//	o PAYMENT  what this box asked for and was refused
//	p          the prices of fuel
//	q ID       a fuelling that is not over
//	s          the secret with which tags of keys are made
//	u PUMP     a pump with whoever is selected at it
//
// # Guarantees
//
// A key leads to one payment for ever, stored in the transaction that stores
// the request. A payment counts as paid only by a decision. It counts as not paid
// only by a decision, by the registry's refusal of the request, or because its
// cancel travels with it. A refusal because the key was used is none of these:
// what the key paid for before is not known here, until the registry says which
// payment has the key. That one is then shown, or, where it was asked for something
// else, the request has ended.
package till

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Options name the box and its merchant. All but Pumps come from the enrolment.
type Options struct {
	Key          pay.Key
	Merchant     pay.Scope
	MerchantName pay.Name
	Site         pay.Name
	Currency     pay.Currency // that the registry deals in
	// Pumps means that this box releases pumps. At a station where it does not, the
	// attendant does, and reports what they gave.
	Pumps bool
}

// Till is the role of one box. It holds no state but its options and may be
// used from any number of goroutines.
type Till struct {
	options  Options
	features history.Features
}

// New returns the role of the box with these options.
func New(o Options) *Till {
	t := &Till{options: o}
	t.features = t.all()
	return t
}

// all returns what the till does with the merchant's feed and with refusals of
// its own claims.
func (t *Till) all() history.Features {
	return history.Features{{
		Name: "payments",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindDecision: t.decided,
		},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindRequest: requestRefused,
			pay.KindOpening: requestRefused,
			pay.KindCancel:  history.Refused(cancelRefused),
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindRequest: requestRecalled,
			pay.KindOpening: requestRecalled,
			pay.KindCancel:  history.Recalled(cancelRecalled),
		},
		Spaces: rows.Spaces{keyRows.Space, ownRows.Space},
	}, t.actions(), t.bills(), t.keys(), t.neighbours(), t.account(), t.fuel()}
}

// Spaces returns the key spaces of the role, those of package history included.
func Spaces() rows.Spaces { return new(Till).all().Spaces() }

// View is the box's store as the till reads it.
type View interface {
	pay.Rows
	// Queued reports whether a fact still waits in the outbox for the registry.
	Queued(id pay.FactID) (bool, error)
}

// Tx is View inside a transaction.
type Tx interface {
	View
	pay.WritableRows
	// Attach adds f to the outbox item that holds to, so that both are applied
	// together. It returns false, and does nothing, when that item may have
	// left the box.
	Attach(to pay.FactID, f pay.Fact) (ok bool, err error)
}

// request returns the request that opened a payment, if it is stored here.
func request(view pay.Rows, id pay.PaymentID) (r pay.Opening, ok bool, err error) {
	f, ok, err := view.Fact(pay.FactID(id))
	if err != nil || !ok {
		return r, false, err
	}
	r, err = pay.OpeningOf(f)
	return r, err == nil, err
}

// React takes in an entry of the merchant's feed, the registry's refusal of a claim of
// this box, or what a pump answered. It publishes nothing. Its errors are the store's.
func (t *Till) React(tx pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	if done, ok := in.(pay.EffectDone); ok {
		return pay.Reaction{}, t.pumpDone(tx, now, done)
	}
	return t.features.React(tx, now, in)
}

// decided folds a decision on any payment of the merchant, whichever of its
// boxes asked. The first decision is held against the request, if it is here:
// what was not asked for is a finding and changes nothing.
func (t *Till) decided(tx pay.WritableRows, now pay.Time, f pay.Fact) (pay.Reaction, error) {
	d, err := pay.As[pay.Decision](f)
	if err != nil {
		return pay.Reaction{}, err
	}
	why, err := t.mismatch(tx, d)
	switch {
	case err != nil:
		return pay.Reaction{}, err
	case why != "":
		return pay.Reaction{}, history.AddFinding(tx, f.ID(), d, why)
	}
	_, taken, err := history.Fold(tx, now, f.ID(), d)
	if err == nil && len(taken) > 0 && d.Seq == 1 {
		err = noteTags(tx, d)
	}
	return pay.Reaction{}, err
}

// mismatch returns why a decision cannot be one on a payment of this merchant,
// or "".
func (t *Till) mismatch(view pay.Rows, d pay.Decision) (string, error) {
	if d.Merchant != t.options.Merchant {
		return "decision is on a payment of another merchant", nil
	}
	if d.Seq != 1 {
		return "", nil
	}
	req, ok, err := request(view, d.Payment)
	if err != nil || !ok || asAsked(req, d) {
		return "", err
	}
	return "decision changes what the request asked for", nil
}

// asAsked reports whether a decision has the terms of its request.
func asAsked(r pay.Opening, d pay.Decision) bool {
	return r.Merchant == d.Merchant && r.Site == d.Site && (r.Amount == d.Amount || r.Later || r.Bill) && r.Currency == d.Currency &&
		r.Handle == d.Handle && r.Ref == d.Ref && (r.Hold != 0) == d.IsHold() && (r.TipMax == d.TipMax || d.TipMax == 0) && (r.Fuel == d.Fuel || d.Fuel.IsZero())
}

// requestRefused notes that the registry refused a request. What was refused
// changed nothing, so only this box's own view is touched.
func requestRefused(tx pay.WritableRows, claim pay.Fact, why pay.Reason) error {
	id := pay.PaymentID(claim.ID())
	r, ok, err := ownRows.Get(tx, id)
	if err != nil || !ok || (r.Refused != "" && r.Refused != pay.ReasonTooMany) {
		return err
	}
	r.Refused = why
	return ownRows.Put(tx, id, r)
}

// cancelRefused notes that the registry refused the last cancel of a payment.
// Without its cancel a request may open after all.
func cancelRefused(tx pay.WritableRows, claim pay.FactID, c pay.Cancel, why pay.Reason) error {
	r, ok, err := ownRows.Get(tx, c.Payment)
	if err != nil || !ok || r.CancelRefused != "" || claim != factID(r.Cancel) {
		return err
	}
	r.CancelRefused, r.Withdrawn = why, false
	if err := ownRows.Put(tx, c.Payment, r); err != nil {
		return err
	}
	shown, err := follow(tx, r, c.Payment)
	if err != nil || shown == c.Payment {
		return err
	}
	first, _, err := ownRows.Get(tx, shown)
	if err != nil || len(first.Cancel) > 0 {
		return err
	}
	first.CancelRefused = why
	return ownRows.Put(tx, shown, first)
}

func factID(raw []byte) (id pay.FactID) {
	copy(id[:], raw)
	return id
}

// Late returns the kinds of entries that this program takes in and the one that ran last
// did not; see history.Features.
func (t *Till) Late(view pay.Rows) (kinds []pay.Kind, noted bool, err error) {
	return t.features.Late(view)
}

// NoteKinds notes that all that this program takes in has been taken in. Its errors are
// the store's.
func (t *Till) NoteKinds(tx pay.WritableRows) error { return t.features.NoteKinds(tx) }
