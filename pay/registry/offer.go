package registry

import (
	"cmp"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// found is all that is known once the code of a request has resolved to one
// device. It is read before anything is written, so that what follows from it is
// a function of it alone.
type found struct {
	match
	now      pay.Time
	heard    pay.Time // when the box heard the code
	amount   pay.Amount
	currency pay.Currency
	asked    bool // the merchant wants two channels

	here   place      // where the code was heard now
	first  place      // where this step's code was heard first; zero: nowhere before
	cause  pay.NodeID // the box elsewhere that heard this step's code; zero: none did
	places heardRow   // all of that
	near   []place    // of these, declared neighbours of here
	gone   pay.Reason // why no node of the wallet can be asked; "" while one can
	recent []prompted // this box's prompts of the wallet without approval, of the last hour
	above  stepUpRow  // above which amount the wallet's payments need its device

	trusted pay.Time // from when on the codes of the device count, by the present clock
}

// offer asks the owner of the device that was found, or decides why not. asked
// means that the merchant wants two channels.
func (t *turn) offer(p *paymentRow, m match, asked bool) error {
	request := t.in.Fact.ID()
	f, err := t.look(p, m, asked)
	if err != nil {
		return err
	}
	if reason := cmp.Or(f.refusal(), f.cannotAnswer(p.Decision.Expires)); reason != "" {
		return t.decide(p, verdict{state: pay.StateUnmatched, reason: reason, claim: request})
	}
	if err := t.noteHeard(f); err != nil {
		return err
	}
	if err := t.notePrompt(f, p.Box, p.Decision.Payment); err != nil {
		return err
	}
	p.Wallet, p.Device, p.Step = f.row.Wallet, f.device, f.step
	_, p.Learn = f.source.learned(f.step, f.heard)
	p.Decision.Payer = t.payerRef(p.Wallet, p.Decision.Merchant)
	if p.Decision.StepUp = f.stepUp(); p.Decision.StepUp != "" {
		if err := t.challenge(p); err != nil {
			return err
		}
	}
	return t.decide(p, verdict{state: pay.StateOffered, claim: request})
}

// look reads what an offer to the owner of the matching device depends on.
func (t *turn) look(p *paymentRow, m match, asked bool) (f found, err error) {
	d := p.Decision
	f = found{
		match: m, now: t.now, heard: p.Heard, amount: d.Amount, currency: d.Currency, asked: asked,
		here: place{Merchant: d.Merchant, Site: d.Site, Box: p.Box},
	}
	if err := t.lookAround(&f); err != nil {
		return f, err
	}
	if f.gone, err = t.walletGone(m.row.Wallet); err != nil {
		return f, err
	}
	if f.recent, _, err = promptRows.Get(t.rows, rows.Key(m.row.Wallet, p.Box)); err != nil {
		return f, err
	}
	f.recent = slices.DeleteFunc(f.recent, func(p prompted) bool { return t.now.Sub(p.At) >= hour || ahead(p.At, t.now) })
	if f.above, _, err = stepUpRows.Get(t.rows, m.row.Wallet); err != nil {
		return f, err
	}
	moves, err := t.moves(t.rows)
	f.trusted = moves.trusted(m.row)
	return f, err
}

// refusal returns why the owner of the device is not asked, or "".
func (f found) refusal() pay.Reason {
	switch {
	case f.gone != "":
		return f.gone
	case f.prompts() >= f.promptsMax():
		return pay.ReasonTooManyPrompts
	default:
		return ""
	}
}

// prompts returns how many of the box's prompts have the cause that the offer at
// hand has.
func (f found) prompts() (n int) {
	for _, p := range f.recent {
		if p.Cause == f.cause {
			n++
		}
	}
	return n
}

func (f found) promptsMax() int {
	if f.cause.IsZero() {
		return pay.PromptsPerHour
	}
	return pay.PromptsElsewherePerHour
}

// prompted is one offer that a wallet did not approve, or not yet. Cause is the
// box elsewhere because of which a person is asked, zero when there is none.
type prompted struct {
	At      pay.Time      `cbor:"1,keyasint"`
	Payment pay.PaymentID `cbor:"2,keyasint"`
	Cause   pay.NodeID    `cbor:"3,keyasint,omitzero"`
}

// notePrompt counts the offer among the box's prompts of the wallet.
func (t *turn) notePrompt(f found, box pay.NodeID, payment pay.PaymentID) error {
	return promptRows.Put(t.rows, rows.Key(f.row.Wallet, box), append(f.recent, prompted{At: f.now, Payment: payment, Cause: f.cause}))
}

// forgetPrompt takes a prompt off the count: the payer approved it, or a rule
// answered and nobody was disturbed.
func (t *turn) forgetPrompt(wallet pay.Scope, box pay.NodeID, payment pay.PaymentID) error {
	key := rows.Key(wallet, box)
	list, ok, err := promptRows.Get(t.rows, key)
	if err != nil || !ok {
		return err
	}
	rest := slices.DeleteFunc(list, func(p prompted) bool { return p.Payment == payment })
	return promptRows.Put(t.rows, key, rest)
}
