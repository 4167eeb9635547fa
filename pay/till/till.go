// Package till is the role of a merchant's box: from somebody near to a
// request, and from the registry's decisions to what the merchant sees.
//
// # Flow
//
//	Repeated: is the key known?  --yes-->  the first payment again
//	   | no
//	Pick: who is meant           (pure, over what the box hears)
//	   |
//	Charge --request--> outbox ... registry ... feed --React--> Entry
//	   '--- Cancel --cancel--> with the request while it is unsent, else behind it
//
// All of it works on the rows of the box's store, inside the transaction of
// whoever calls, and reads no clock.
//
// # Layout
//
// Beside the rows of package history, which begin with 'h':
//
//	k KEY      the payment that an idempotency key stands for; keys never expire
//	o PAYMENT  row: what this box asked for and was refused
//
// # Guarantees
//
// A key leads to one payment for ever, stored in the transaction that stores
// the request. Only a decision says that money moved. A payment counts as not
// paid only by a decision, by the registry's refusal of the request, or because
// its cancel travels with it. A refusal because the key was used is none of
// these: what the key paid for before is not known here.
package till

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Options say whose box it is. All of it comes from the enrolment.
type Options struct {
	Key      pay.Key
	Merchant pay.Scope
	Shop     pay.Name // the merchant's name
	Site     pay.Name
	Currency pay.Currency // that the registry deals in
}

// Till is the role of one box. It holds no state but its options and may be
// used from any number of goroutines.
type Till struct{ options Options }

// New returns the role of the box with these options.
func New(o Options) *Till { return &Till{o} }

// View is the box's store as the till reads it: its rows, and whether a fact
// still waits in the outbox for the registry.
type View interface {
	pay.Rows
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
func request(rows pay.Rows, id pay.PaymentID) (r pay.Request, ok bool, err error) {
	f, ok, err := rows.Fact(pay.FactID(id))
	if err != nil || !ok {
		return r, false, err
	}
	r, err = pay.As[pay.Request](f)
	return r, err == nil, err
}

// React takes in one fact of the merchant's feed, or the registry's refusal of
// a claim of this box. It never states anything itself.
func (t *Till) React(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	switch in := in.(type) {
	case pay.ClaimRefused:
		return pay.Reaction{}, refused(rows, in.Fact, in.Reason)
	case pay.EntryMirrored:
		return pay.Reaction{}, t.mirror(rows, now, in.Fact)
	default:
		return pay.Reaction{}, nil
	}
}

func (t *Till) mirror(rows pay.WritableRows, now pay.Time, f pay.Fact) error {
	switch f.Kind() {
	case pay.KindAuthority:
		return history.AddAuthority(rows, f)
	case pay.KindRequest:
		return t.recover(rows, now, f)
	case pay.KindDecision:
		d, err := pay.As[pay.Decision](f)
		if err != nil {
			return err
		}
		return t.decided(rows, now, f.ID(), d)
	case pay.KindRefusal:
		r, err := pay.As[pay.Refusal](f)
		if err != nil {
			return err
		}
		claim, ok, err := rows.Fact(r.Claim)
		if err != nil || !ok {
			return err
		}
		return refused(rows, claim, r.Reason)
	default:
		return history.NoteKind(rows, f)
	}
}

// decided folds a decision on any payment of the merchant, whichever of its
// boxes asked. The first decision is held against the request, if it is here:
// what was not asked for is a finding and changes nothing.
func (t *Till) decided(rows pay.WritableRows, now pay.Time, id pay.FactID, d pay.Decision) error {
	if d.Merchant != t.options.Merchant {
		return history.AddFinding(rows, id, d, "decision is on a payment of another merchant")
	}
	if d.Seq == 1 {
		req, ok, err := request(rows, d.Payment)
		if err != nil {
			return err
		}
		if ok && !asAsked(req, d) {
			return history.AddFinding(rows, id, d, "decision changes what the request asked for")
		}
	}
	_, _, err := history.Fold(rows, now, id, d)
	return err
}

func asAsked(r pay.Request, d pay.Decision) bool {
	return r.Merchant == d.Merchant && r.Site == d.Site && r.Amount == d.Amount && r.Currency == d.Currency &&
		r.Handle == d.Handle && r.Ref == d.Ref
}

// recover takes in a request that came down the feed: one of another box of the
// merchant, or one of this box from before its store was lost. Its key is
// known from then on, so that nobody uses it for something else.
func (t *Till) recover(rows pay.WritableRows, now pay.Time, f pay.Fact) error {
	r, err := pay.As[pay.Request](f)
	if err != nil {
		return err
	}
	id := pay.PaymentID(f.ID())
	if ok, err := ownRows.Has(rows, id); ok || err != nil || r.Merchant != t.options.Merchant {
		return err
	}
	if err := ownRows.Put(rows, id, row{Own: f.Signer() == t.options.Key.ID(), Recovered: true}); err != nil {
		return err
	}
	if _, err := history.Begin(rows, now, f.ID(), r.Created); err != nil {
		return err
	}
	if taken, err := keyRows.Has(rows, r.Key); taken || err != nil {
		return err
	}
	return keyRows.Put(rows, r.Key, id)
}

// refused notes that the registry refused a claim. What was refused changed
// nothing, so only the box's own view of it is touched.
func refused(rows pay.WritableRows, claim pay.Fact, why pay.Reason) error {
	id, isCancel := pay.PaymentID(claim.ID()), claim.Kind() == pay.KindCancel
	if isCancel {
		c, err := pay.As[pay.Cancel](claim)
		if err != nil {
			return err
		}
		id = c.Payment
	} else if claim.Kind() != pay.KindRequest {
		return nil
	}
	r, ok, err := ownRows.Get(rows, id)
	if err != nil || !ok {
		return err
	}
	switch {
	case !isCancel && (r.Refused == "" || r.Refused == pay.ReasonTooMany):
		r.Refused = why
	case isCancel && r.CancelRefused == "" && claim.ID() == factID(r.Cancel):
		// Without its cancel a request may open after all.
		r.CancelRefused, r.Withdrawn = why, false
	default:
		return nil
	}
	return ownRows.Put(rows, id, r)
}

func factID(raw []byte) (id pay.FactID) {
	copy(id[:], raw)
	return id
}
