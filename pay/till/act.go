package till

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// actions are what the merchant does about money that is authorised. Any box of the
// merchant may act on any of its payments; which one asked for the payment does not
// matter. What is possible the registry decides: this box may not know the last of it.
func (t *Till) actions() history.Feature {
	return history.Feature{
		Name: "actions",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindActionKnown: history.Mirror(noteKnown),
			pay.KindIncrementOffer: history.Mirror(func(tx pay.WritableRows, f pay.Fact, o pay.IncrementOffer) error {
				_, err := history.NoteIncrement(tx, f, o)
				return err
			}),
			pay.KindIncrementEnd: history.Mirror(history.NoteIncrementEnd),
		},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindCapture: actionRefused, pay.KindVoid: actionRefused, pay.KindRefund: actionRefused, pay.KindIncrement: actionRefused, pay.KindPrice: actionRefused,
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindCapture: actionRecalled, pay.KindVoid: actionRecalled, pay.KindRefund: actionRecalled, pay.KindIncrement: actionRecalled, pay.KindPrice: actionRecalled,
		},
		Spaces: rows.Spaces{actionRows.Space},
	}
}

var actionRows = rows.New("a", "what this box asked for on a payment, by its key",
	rows.Join(rows.TextUntil[pay.IdempotencyKey]("KEY", 0), rows.ID[pay.PaymentID]("PAYMENT")), rows.CBOR[actionRow]())

// actionRow is a claim of this box on a payment. Fields may be added if they can be
// left out.
type actionRow struct {
	Claim pay.FactID `cbor:"1,keyasint"`
	// First is the claim of another box, under the same key, that was followed in place
	// of this one.
	First   pay.FactID `cbor:"2,keyasint,omitzero"`
	Refused pay.Reason `cbor:"3,keyasint,omitempty"`
}

// Act is what a merchant asks for on a payment that is authorised.
type Act struct {
	Kind   pay.Kind // KindCapture, KindVoid, KindRefund, KindIncrement or KindPrice
	Key    pay.IdempotencyKey
	Amount pay.Amount // 0: all that is held, or was captured and not refunded
	Final  bool       // with a capture: the rest goes back to the payer
	TTL    pay.Millis // with an increment: how long the payer may take
	// Delivery is what a pump gave, with the capture or the price of fuel.
	Delivery pay.Delivery
}

// same reports whether two actions are the same under one key.
func (a Act) same(o Act) bool {
	a.TTL, o.TTL = 0, 0
	return a == o
}

// body returns the claim that asks for it.
func (a Act) body(id pay.PaymentID, now pay.Time) pay.Body {
	action := pay.Action{Payment: id, Key: a.Key, Amount: a.Amount, Final: a.Final, Created: now, Delivery: a.Delivery}
	switch a.Kind {
	case pay.KindCapture:
		return pay.Capture{Action: action}
	case pay.KindVoid:
		return pay.Void{Action: action}
	case pay.KindRefund:
		return pay.Refund{Action: action}
	case pay.KindIncrement:
		return pay.Increment{Action: action, TTL: a.TTL}
	case pay.KindPrice:
		return pay.Price{Action: action}
	default:
		panic("till: internal error: a merchant does not " + string(a.Kind))
	}
}

// Acted is what became of an action.
type Acted struct {
	Act
	// Done means that it was followed; Refused is why the registry did not follow it, and
	// then the key is unused; Ended is why an increment came to nothing though the payer
	// was asked. With none of them it is not decided.
	Done    bool
	Refused pay.Reason
	Ended   pay.Reason
}

// Over reports whether there is nothing to wait for.
func (a Acted) Over() bool { return a.Done || a.Refused != "" || a.Ended != "" }

// Act asks for something on the payment whose id begins with the digits: it returns the
// claim, to be published in the same transaction, and the registry decides. What was
// asked for under the key before, and was not refused, is not asked for again. Its
// errors are *pay.Error: CodeUsage and CodeAmount for what is invalid, CodeKeyUsed where
// the key stands for something else, and those of Show.
func (t *Till) Act(tx Tx, now pay.Time, id string, a Act) (Entry, pay.Reaction, error) {
	e, _, err := t.findEntry(tx, now, id)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := a.check(); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	before, known, err := t.acted(tx, e.ID, a.Key)
	switch {
	case err != nil:
		return Entry{}, pay.Reaction{}, err
	case known && before.Refused == "" && !before.same(a):
		return Entry{}, pay.Reaction{}, pay.NewCase(pay.CodeKeyUsed, "action_key_used", fmt.Sprintf("this key stands for another %s of payment %s", before.Kind, e.ID.Short()))
	case known && before.Refused == "":
		e.Action = &before
		return e, pay.Reaction{}, nil
	}
	f, err := pay.Sign(t.options.Key, a.body(e.ID, now))
	if err != nil {
		return Entry{}, pay.Reaction{}, fmt.Errorf("%s: %w", a.Kind, err)
	}
	if err := actionRows.Put(tx, rows.Key(a.Key, e.ID), actionRow{Claim: f.ID()}); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	e.Action = &Acted{Act: a}
	return e, pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// check returns a *pay.Error for what no registry would take.
func (a Act) check() error {
	if err := a.Key.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeUsage, "key_form", "read key")
	}
	if a.Kind == pay.KindIncrement && (a.TTL < pay.RequestTTLMin || a.TTL > pay.RequestTTLMax) {
		return pay.NewCase(pay.CodeUsage, "ttl_bounds", fmt.Sprintf("time to answer of %v is out of bounds", a.TTL.Std()))
	}
	if a.Amount != 0 || a.Kind == pay.KindIncrement || a.Kind == pay.KindPrice {
		if err := a.Amount.CheckPayable(); err != nil {
			return pay.WrapCase(err, pay.CodeAmount, "amount_form", "read amount")
		}
	}
	return nil
}

// ShowAct returns the payment with an id, and what became of what was asked for under
// a key. Its errors are those of Show.
func (t *Till) ShowAct(v View, now pay.Time, id pay.PaymentID, key pay.IdempotencyKey) (Entry, error) {
	e, _, err := t.findEntry(v, now, id.String())
	if err != nil {
		return e, err
	}
	a, known, err := t.acted(v, id, key)
	if known {
		e.Action = &a
	}
	return e, err
}

// acted returns what this box asked for under a key of a payment, and what became of
// it; ok is false where it asked for nothing.
func (t *Till) acted(v pay.Rows, id pay.PaymentID, key pay.IdempotencyKey) (out Acted, ok bool, err error) {
	r, ok, err := actionRows.Get(v, rows.Key(key, id))
	if err != nil || !ok {
		return out, false, err
	}
	f, ok, err := v.Fact(r.Claim)
	if err != nil || !ok {
		return out, false, err
	}
	a, _ := pay.ActionOf(f)
	out = Acted{Act: Act{Kind: f.Kind(), Key: a.Key, Amount: a.Amount, Final: a.Final, Delivery: a.Delivery}, Refused: r.Refused}
	if f.Kind() == pay.KindIncrement {
		claim := r.Claim
		if !r.First.IsZero() {
			claim = r.First
		}
		end, over, err := history.IncrementEnded(v, id, claim)
		out.Done, out.Ended = over && end.Reason == "", end.Reason
		return out, true, err
	}
	if f.Kind() == pay.KindPrice {
		rec, _, err := history.Get(v, id)
		out.Done = rec.Payment.Seq > 0 && rec.Payment.Decision.Amount == a.Amount
		return out, true, err
	}
	out.Done, err = history.Decided(v, id, func(claim pay.FactID) bool {
		return slices.Contains([]pay.FactID{r.Claim, r.First}, claim)
	})
	return out, true, err
}

// actionOf returns the row of a claim of this box, if it is the last one under its key.
func actionOf(view pay.Rows, claim pay.Fact) (key rows.Pair[pay.IdempotencyKey, pay.PaymentID], r actionRow, ok bool, err error) {
	a, ok := pay.ActionOf(claim)
	if !ok {
		return key, r, false, nil
	}
	key = rows.Key(a.Key, a.Payment)
	r, ok, err = actionRows.Get(view, key)
	return key, r, ok && r.Claim == claim.ID(), err
}

// actionRefused notes that the registry refused an action.
func actionRefused(tx pay.WritableRows, claim pay.Fact, why pay.Reason) error {
	key, r, ok, err := actionOf(tx, claim)
	if err != nil || !ok || r.Refused != "" {
		return err
	}
	r.Refused = why
	return actionRows.Put(tx, key, r)
}

// actionRecalled takes in an action that this box asked for.
func actionRecalled(tx pay.WritableRows, _ pay.Time, claim pay.Fact) error {
	a, ok := pay.ActionOf(claim)
	if !ok {
		return nil
	}
	return actionRows.Put(tx, rows.Key(a.Key, a.Payment), actionRow{Claim: claim.ID()})
}

// noteKnown keeps which claim of another box was followed in place of one of this box.
func noteKnown(tx pay.WritableRows, _ pay.Fact, k pay.ActionKnown) error {
	claim, ok, err := tx.Fact(k.Claim)
	if err != nil || !ok {
		return err
	}
	key, r, ok, err := actionOf(tx, claim)
	if err != nil || !ok {
		return err
	}
	r.First = k.First
	return actionRows.Put(tx, key, r)
}
