package registry

import (
	"cmp"

	"github.com/paybeacon/paybeacon/pay"
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
	fuel     bool // it is for fuel, of which the device is to know

	here   place      // where the code was heard now
	first  place      // where this step's code was heard first; zero: nowhere before
	cause  pay.NodeID // the box elsewhere that heard this step's code; zero: none did
	places heardRow   // all of that
	near   []place    // of these, declared neighbours of here
	gone   pay.Reason // why no node of the wallet can be asked; "" while one can
	recent []prompted // this box's prompts of the wallet without approval, of the last hour
	alone  bool       // the terms let a rule of the payer's answer
	ruled  pay.Amount // up to which the wallet's rules have approved
	above  stepUpRow  // above which amount the wallet's payments need its device
	means  meansRow   // what the device pays by; zero: the wallet's account
	away   bool       // the registry does not call who moves money by the means

	trusted pay.Time // from when on the codes of the device count, by the present clock
}

// offer asks the owner of the device that was found, or decides why not. asked
// means that the merchant wants two channels.
func (t *turn) offer(p *paymentRow, m match, asked bool) error {
	request := pay.FactID(p.Decision.Payment)
	f, err := t.look(p, m, asked)
	if err != nil {
		return err
	}
	if reason, err := t.refuelled(p.Decision, m); reason != "" || err != nil {
		if err != nil {
			return err
		}
		return t.decide(p, verdict{state: pay.StateUnmatched, reason: reason, claim: request})
	}
	if f.unpayable() == "" {
		by, covered, err := t.mandateFor(f, p.Decision)
		if err != nil {
			return err
		}
		if covered {
			return t.payBy(p, f, by)
		}
	}
	if reason := cmp.Or(f.refusal(), f.cannotAnswer(twoChannelEnd(p.Decision, t.now))); reason != "" {
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
	if p.Decision.Acquirer = f.means.Acquirer; p.Decision.Acquirer != pay.AcquirerNone {
		p.Means, p.Decision.Test = f.means.Claim, t.playMoney(p.Decision.Acquirer)
	}
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
		match: m, now: t.now, heard: p.Heard, amount: d.Amount, currency: d.Currency, asked: asked, fuel: !d.Fuel.IsZero(),
		here:  place{Merchant: d.Merchant, Site: d.Site, Box: p.Box},
		alone: d.AnswersAlone(),
	}
	if err := t.lookAround(&f); err != nil {
		return f, err
	}
	if f.gone, err = t.walletGone(m.row.Wallet); err != nil {
		return f, err
	}
	if err := t.lookAtPrompts(&f, p.Box); err != nil {
		return f, err
	}
	if f.means, f.away, err = t.meansFor(m.row); err != nil {
		return f, err
	}
	if f.above, _, err = stepUpRows.Get(t.rows, m.row.Wallet); err != nil {
		return f, err
	}
	moves, err := t.moves(t.rows)
	f.trusted = moves.trusted(m.row)
	return f, err
}

// unpayable returns why nobody can pay what was found, asked or not, or "".
func (f found) unpayable() pay.Reason {
	switch {
	case f.gone != "":
		return f.gone
	case f.means.Ended:
		return pay.ReasonUnknownMeans
	case f.away:
		return pay.ReasonNoAcquirer
	default:
		return ""
	}
}

// refusal returns why the owner of the device is not asked, or "".
func (f found) refusal() pay.Reason {
	switch reason := f.unpayable(); {
	case reason != "":
		return reason
	case f.prompts() >= f.promptsMax(), f.byRule() && f.expected() >= pay.PromptsByRule:
		return pay.ReasonTooManyPrompts
	default:
		return ""
	}
}
