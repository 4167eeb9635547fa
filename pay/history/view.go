package history

import "github.com/paybeacon/paybeacon/pay"

// View is a payment as both of its parties see it. What only a box or only a
// wallet knows of it stands beside it in the entries of their roles.
type View struct {
	ID           pay.PaymentID
	Payment      pay.Payment
	Local        pay.Local
	Amount       pay.Amount // that was asked for; once authorised, that was authorised
	Currency     pay.Currency
	MerchantName pay.Name
	Site         pay.Name
	Handle       pay.Handle // the two words that cashier and payer see
	Ref          string
	By           pay.Rule   // who answered, or pay.ByOperator where the operator settled it
	Reason       pay.Reason // what the operator says to that, or why it ended without money moving, or never opened
	Refusal      pay.Reason // why the registry refused this node's last claim; that changed nothing
	// OthersRefusal is why the registry refused the last claim of somebody else.
	OthersRefusal pay.Reason
	Queued        bool // the registry has not acknowledged this node's claim
	Created       pay.Time
	Expires       pay.Time // when the offer ends, by the registry's clock; 0 before there is one
	// Deadline is when, by this node's clock, the outcome becomes unknown unless
	// the last decision has come; it moves when the node receives more.
	Deadline pay.Time
	Test     bool // play money, as far as the registry has stated it
	// Acquirer is who moves the money; AcquirerNone: the payer's closed-loop account.
	Acquirer pay.Acquirer
	// HoldUntil is until when the amount is held, 0 where it is captured at once or no
	// decision says it; HoldFor is for how long that was asked for, before there is one.
	HoldUntil pay.Time
	HoldFor   pay.Millis
	// Increment is what more the payer is being asked for, or nil.
	Increment *Increment
	// StepUp is why the payer's device has to sign too, or "".
	StepUp pay.StepUp
	// Evidence is how the payer was found, Certain whether that was beyond doubt
	// though by strength alone.
	Evidence pay.Evidence
	Certain  bool
	// TipMax is the most that the payer may add as a tip, Tip what the payer lets it be: of
	// an amount that is held a bound.
	TipMax, Tip pay.Amount
	// Fuel is what is paid for, where that is fuel.
	Fuel pay.FuelTerms
}

// State returns the state under which the payment is shown.
func (v View) State() pay.State { return v.Payment.Shown(v.Local) }

// Method returns by how many channels the payment is made, or that it is by a mandate.
func (v View) Method() pay.Method {
	if !v.Payment.Decision.Mandate.IsZero() {
		return pay.MethodMandate
	}
	return v.StepUp.Method()
}

// Outcome returns what the party may rely on.
func (v View) Outcome() pay.Outcome { return v.Payment.Outcome(v.Local) }

// ViewOf returns the view of a payment at the moment, as far as its decisions go:
// everything but Refusal and Queued, and nothing of what was asked for while there
// is no decision. ttl is the life of the request, for a payment without a
// decision; 0 if it is not known.
func ViewOf(now pay.Time, rec Record, ttl pay.Millis) View {
	p, d := rec.Payment, rec.Payment.Decision
	v := View{
		ID: p.ID, Payment: p, Amount: d.Authorised(), Currency: d.Currency, MerchantName: d.MerchantName, Site: d.Site, Handle: d.Handle, Ref: d.Ref,
		Created: rec.Created, Expires: d.Expires, Deadline: rec.Deadline(ttl), Test: d.Test, StepUp: d.StepUp,
		Evidence: d.Evidence, Certain: d.Certain, HoldUntil: d.HoldUntil, Acquirer: d.Acquirer, TipMax: d.TipMax, Tip: d.Tip, Fuel: d.Fuel,
	}
	v.By, v.Reason = d.Shown()
	v.Local.TimeUp = !p.Final() && now >= v.Deadline
	return v
}
