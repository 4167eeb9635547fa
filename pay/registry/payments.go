package registry

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// payments is the life of a payment: a box asks, the payer's wallet answers, the
// box may cancel, the clock ends what nobody answers and what nobody captures.
var payments = feature{
	name: "payments",
	claims: map[pay.Kind]rule{
		pay.KindRequest: claimOf(func(t *turn, r pay.Request) error { return t.request(pay.Opening{Request: r}) }),
		pay.KindOpening: claimOf((*turn).request),
		pay.KindAnswer:  claimOf((*turn).answer),
		pay.KindCancel:  claimOf((*turn).cancel),
	},
	publishes: []pay.Kind{pay.KindDecision},
	due:       map[pay.SubjectKind]func(*turn, pay.Subject) error{pay.SubjectPayment: (*turn).deadlinePassed},
	gone:      (*turn).endOffers,
	audit:     inspectPayments,
	spaces:    append(rows.Spaces{paymentRows.Space, chargeRows.Space, promptRows.Space, ruledRows.Space}, book.Spaces()...),
}

var (
	paymentRows = rows.New("p/", "where a payment stands: the fold of its decisions", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[paymentRow]())
	chargeRows  = rows.New("q/", "the payment that a box opened under a key, before keys belonged to merchants",
		rows.Join(rows.ID[pay.NodeID]("BOX"), rows.Text[pay.IdempotencyKey]("KEY")), rows.ID[pay.PaymentID]("PAYMENT"))
	promptRows = rows.New("a/", "prompts without approval in the last hour",
		rows.Join(rows.TextUntil[pay.Scope]("WALLET", 0), rows.ID[pay.NodeID]("BOX")), rows.CBOR[[]prompted]())
	ruledRows = rows.New("ar/", "up to which amount the wallet's rules have approved", rows.Text[pay.Scope]("WALLET"), rows.CBOR[ruledRow]())
)

// paymentRow is where a payment stands, and what the registry needs to go on with
// it.
type paymentRow struct {
	Last     pay.FactID   `cbor:"1,keyasint"` // the last decision
	Decision pay.Decision `cbor:"2,keyasint"` // its body
	Box      pay.NodeID   `cbor:"3,keyasint"` // that asked
	Wallet   pay.Scope    `cbor:"4,keyasint,omitempty"`
	Device   pay.DeviceID `cbor:"5,keyasint"` // with Step and Heard: how the payer was found
	Step     pay.Step     `cbor:"6,keyasint"`
	Heard    pay.Time     `cbor:"7,keyasint"`
	Learn    bool         `cbor:"8,keyasint"` // an approval narrows what is known of the device's clock
	// Asked means that the device was asked after the offer, because the code was
	// heard elsewhere.
	Asked bool `cbor:"9,keyasint,omitempty"`
	// Hold is what the book holds and has moved for the payment. In stores before
	// format 5 it has a row of its own; see holdOf.
	Hold book.Hold `cbor:"10,keyasint,omitzero"`
	// Means is the claim by which an acquirer moves the money, and Auth the answer with
	// which it authorised it.
	Means pay.FactID `cbor:"11,keyasint,omitzero"`
	Auth  pay.FactID `cbor:"12,keyasint,omitzero"`
}

// holdOf returns the hold of a payment, and whether it has one; own is true when it
// has a row of its own.
func holdOf(view pay.Rows, id pay.PaymentID, h paymentRow) (hold book.Hold, own, ok bool, err error) {
	if h.Hold != (book.Hold{}) {
		return h.Hold, false, true, nil
	}
	hold, own, err = book.HoldOf(view, id)
	return hold, own, own, err
}

// payment returns the payment that the row stands for.
func (h paymentRow) payment() pay.Payment {
	if h.Decision.Seq == 0 {
		return pay.Open(pay.FactID(h.Decision.Payment))
	}
	return pay.PaymentAt(h.Last, h.Decision)
}

// loadPayment returns where a payment stands that the claim at hand is to
// decide. When there is nothing to decide, because the claim was refused or
// decided the payment before, ok is false. Who signs such claims stands in the
// life of a payment; what the clock ends by now is ended first.
func (t *turn) loadPayment(id pay.PaymentID) (p paymentRow, ok bool, err error) {
	p, known, err := paymentRows.Get(t.rows, id)
	switch {
	case err != nil:
		return p, false, err
	case !known:
		return p, false, t.refuse(pay.ReasonUnknownPayment, id)
	case p.Decision.Claim == t.in.Fact.ID():
		return p, false, nil
	}
	refused, err := t.setAside(id.Subject())
	if refused == "" && !t.signedBy(t.in.Fact.Kind().Party(), p) {
		refused = pay.ReasonWrongScope
	}
	if err == nil && refused == "" {
		refused, err = t.beyond(p)
	}
	if err == nil && refused != "" {
		err = t.refuse(refused, id)
	}
	if err != nil || refused != "" {
		return p, false, err
	}
	err = t.expire(&p)
	return p, err == nil, err
}

// beyond returns the reason to refuse a claim on a payment that this registry does not
// understand although it knows the state that the payment is in, or "".
func (t *turn) beyond(h paymentRow) (pay.Reason, error) {
	ok, err := t.understands(h)
	if err != nil || ok || !h.Decision.State.Known() {
		return "", err // no claim decides a state that nobody knows
	}
	return pay.ReasonAlreadyDecided, nil
}

// understands reports whether this registry knows all states that a payment was in. A
// newer one may have brought it through others and back to one that is known; what
// may follow then, only the newer one can say. Of the end, and of the first decision,
// the row says enough; else the decisions before are read.
func (t *turn) understands(h paymentRow) (bool, error) {
	d := h.Decision
	if !d.State.Known() || !d.State.Open() {
		return d.State.Known(), nil
	}
	for d.Seq > 1 {
		prev, ok, err := fact[pay.Decision](t.rows, d.Prev)
		switch {
		case err != nil:
			return false, err
		case !ok || prev.Seq != d.Seq-1 || !prev.State.Known():
			return false, nil
		}
		d = prev
	}
	return true, nil
}

// signedBy reports whether the party to the payment signed the claim at hand.
func (t *turn) signedBy(party pay.Party, p paymentRow) bool {
	switch party {
	case pay.PartyBox:
		return p.Decision.Merchant == t.from.Scope
	case pay.PartyPayer:
		return p.Wallet == t.from.Scope
	default:
		return false
	}
}

// answer lets the payer's wallet decide an offer.
func (t *turn) answer(a pay.Answer) error {
	h, ok, err := t.loadPayment(a.Payment)
	if err != nil || !ok {
		return err
	}
	if followed, err := t.followed(h); followed || err != nil {
		return err
	}
	switch state := h.Decision.State; {
	case state == pay.StateExpired || state == pay.StateCancelled:
		return t.refuse(pay.ReasonLateAnswer, a.Payment, h.Decision.Merchant)
	case !pay.KindAnswer.Decides(state):
		return t.refuse(pay.ReasonAlreadyDecided, a.Payment)
	case !covers(a, h):
		return t.refuse(pay.ReasonWrongTerms, a.Payment)
	}
	reason, err := t.checkApproval(a, &h)
	if err != nil {
		return err
	}
	if reason != "" {
		return t.refuse(reason, a.Payment)
	}
	if a.Verdict == pay.Approve || a.By != pay.ByHand {
		if err := t.forgetPrompt(h.Wallet, h.Box, a.Payment); err != nil {
			return err
		}
	}
	if err := t.learnRule(h, a); err != nil {
		return err
	}
	if a.Verdict == pay.Approve && a.By != pay.ByHand && a.Code.IsZero() {
		if err := t.noteUnattended(h); err != nil {
			return err
		}
	}
	v := verdict{state: pay.StateDeclined, reason: pay.ReasonByPayer, claim: t.in.Fact.ID(), by: a.By}
	if a.Cannot {
		v.reason = pay.ReasonPayerCannotAnswer
	}
	if a.Verdict == pay.Approve {
		if v, err = t.authorise(&h, a, v); err != nil {
			return err
		}
	}
	if v.moved != (pay.Sums{}) && a.Tip != 0 {
		if err := t.decideTip(&h, a); err != nil {
			return err
		}
	}
	return t.decide(&h, v)
}

// followed reports whether a decision on a payment names the claim at hand, whatever
// came after it.
func (t *turn) followed(h paymentRow) (bool, error) {
	for d := h.Decision; d.Seq > 1; {
		if d.Claim == t.in.Fact.ID() {
			return true, nil
		}
		prev, ok, err := fact[pay.Decision](t.rows, d.Prev)
		if err != nil || !ok {
			return false, errors.Join(err, missing(ok, h.Decision.Payment))
		}
		d = prev
	}
	return false, nil
}

// covers reports whether an answer repeats exactly the offer that stands, and gives no
// other tip than that allows. A wallet of old does not say until when the amount is held.
func covers(a pay.Answer, h paymentRow) bool {
	d := h.Decision
	return (a.HoldUntil == d.HoldUntil || a.HoldUntil == 0) && a.Offer == h.Last && a.Payment == d.Payment && a.Merchant == d.Merchant &&
		a.Amount == d.Amount && a.Currency == d.Currency && a.Expires == d.Expires && d.TakesTip(a.Tip)
}

// authorise moves the money of an approved offer, in the same transaction as the
// decision: to the merchant, or where it is to be captured later, aside. A box that was
// revoked since it asked charges no more, and a means that its owner took away since
// pays no more.
func (t *turn) authorise(h *paymentRow, a pay.Answer, v verdict) (verdict, error) {
	d := h.Decision
	revoked, err := t.boxGone(h.Box)
	if err != nil {
		return v, err
	}
	if revoked {
		v.state, v.reason = pay.StateFailed, pay.ReasonNodeRevoked
		return v, nil
	}
	inUse, err := t.meansInUse(*h)
	if err != nil {
		return v, err
	}
	if !inUse {
		v.state, v.reason = pay.StateFailed, pay.ReasonUnknownMeans
		return v, nil
	}
	if d.IsHold() && a.HoldUntil == 0 {
		v.state, v.reason = pay.StateFailed, pay.ReasonPayerTooOld
		return v, nil
	}
	money := h.money()
	money.Amount += a.Tip
	post, state, moved := book.Pay, pay.StateCaptured, pay.Sums{Captured: money.Amount}
	switch {
	case d.Acquirer != pay.AcquirerNone:
		post, state, moved = book.Authorise, pay.StateApproved, pay.Sums{Held: money.Amount}
	case d.IsHold():
		post, state, moved = book.Authorise, pay.StateHeld, pay.Sums{Held: money.Amount}
	}
	v.hold, err = post(t.rows, money, h.Hold)
	switch {
	case errors.Is(err, book.ErrInsufficient):
		v.state, v.reason = pay.StateFailed, pay.ReasonInsufficientFunds
		return v, nil
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		v.state, v.reason = pay.StateFailed, pay.ReasonAccountFull
		return v, nil
	case err != nil:
		return v, err
	}
	h.Hold = v.hold
	v.state, v.reason, v.moved = state, "", moved
	if state == pay.StateApproved {
		if err := t.fly(*h, flightRow{Verb: acquirer.Authorise, Claim: v.claim, Amount: money.Amount}, ""); err != nil {
			return v, err
		}
	}
	if d.Method() == pay.MethodTwoChannel {
		if err := t.clearRepaired(*h); err != nil {
			return v, err
		}
	}
	if h.Learn {
		err = t.learnDrift(*h)
	}
	return v, err
}

// boxGone reports whether a box charges no more.
func (t *turn) boxGone(box pay.NodeID) (bool, error) {
	m, ok, err := t.members.Get(t.rows, box)
	return !ok || m.Status.Revoked, err
}

// cancel withdraws a payment that nobody approved yet. Any box of the merchant
// may, and by any request under its key.
func (t *turn) cancel(c pay.Cancel) error {
	held, ok, err := heldRows.Get(t.rows, c.Payment)
	switch {
	case err != nil, ok && !held.Same: // that request has ended
		return err
	case ok:
		c.Payment = held.Payment
	}
	if done, err := t.cancelLater(c.Payment); done || err != nil {
		return err
	}
	h, ok, err := t.loadPayment(c.Payment)
	switch {
	case err != nil || !ok:
		return err
	case pay.KindCancel.Decides(h.Decision.State):
		return t.decide(&h, verdict{state: pay.StateCancelled, reason: pay.ReasonByMerchant, claim: t.in.Fact.ID()})
	case h.Decision.State == pay.StateCancelled:
		return nil // by another cancel
	default:
		return t.refuse(pay.ReasonLateCancel, c.Payment, h.Wallet)
	}
}

// deadlinePassed decides what the clock decides about a payment. It fails for one
// that a newer registry has brought to, or through, a state that this one does not
// know.
func (t *turn) deadlinePassed(subject pay.Subject) error {
	id, _ := subject.Payment()
	h, ok, err := paymentRows.Get(t.rows, id)
	if err == nil && !ok {
		_, _, err = t.expireLater(id)
	}
	if err != nil || !ok {
		return err
	}
	if _, _, ok := h.Decision.ByClock(); !ok && h.Decision.State.Known() {
		return nil // something else came first
	}
	if err := t.expireIncrements(h); err != nil {
		return err
	}
	understood, err := t.understands(h)
	if err != nil {
		return err
	}
	if !understood {
		// The deadline is the one of a newer registry, which is to find it again.
		return fmt.Errorf("payment %s is %s, which or how it came there this registry does not know", id.Short(), h.Decision.State)
	}
	if _, at, ok := h.Decision.ByClock(); ok && !t.over(h, at) {
		return t.rows.Wake(at, subject)
	}
	return t.expire(&h)
}

// over reports whether a deadline of the payment has come. It has, too, when a
// clock set it that was ahead and has been put right since: it would stand for
// hours, and by the right clock it has long passed. A hold, which stands for days, may
// well end some hours late, and must not end early: the merchant counts on it.
func (t *turn) over(h paymentRow, at pay.Time) bool {
	slack := pay.Millis(0)
	if h.Decision.State != pay.StateOffered {
		slack = pay.HoldMax
	}
	return t.now >= at || ahead(h.Decision.At, t.now.Add(slack))
}

// clockReasons are why no money moved, or moves any more, where the clock ends a
// state.
var clockReasons = map[pay.State]pay.Reason{pay.StateOffered: pay.ReasonNoAnswer, pay.StateHeld: pay.ReasonHoldOver}

// expire takes the arrow of the clock if its time has come, and leaves everything
// else alone. Deadlines run before claims, so a claim seldom finds one to take.
func (t *turn) expire(h *paymentRow) error {
	arrow, at, ok := h.Decision.ByClock()
	if !ok || !t.over(*h, at) {
		return nil
	}
	if _, flying, err := t.flight(*h); flying || err != nil {
		return err // it is decided when the acquirer has answered
	}
	v := verdict{state: arrow.To, reason: clockReasons[arrow.From], by: h.Decision.By, moved: arrow.Released(h.Decision.SumsAfter())}
	if v.moved != (pay.Sums{}) {
		var err error
		if v.hold, err = t.post(h, v.moved); err != nil {
			return err
		}
	}
	if err := t.decide(h, v); err != nil || h.Auth.IsZero() {
		return err
	}
	return t.giveBack(*h, h.Last, h.Auth, v.moved.Released)
}
