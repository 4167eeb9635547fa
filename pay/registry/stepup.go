package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// stepUp is what belongs to two channels alone. A payment steps up to two
// channels when something about it is unusual, or when one of the parties wants
// it to: then the approval must carry an authentication code of the device whose
// code was heard. The rest of the life of a payment is the same.
//
//	request -> challenge   to the wallet, before the offer
//	approval               without a valid code of the device: refused
//	step-up-above -> step-up   to the wallet
var stepUp = feature{
	name:      "step-up",
	claims:    map[pay.Kind]rule{pay.KindStepUpAbove: claimOf((*turn).setStepUpAbove)},
	publishes: []pay.Kind{pay.KindChallenge, pay.KindStepUp},
	audit:     inspectStepUps,
	spaces:    rows.Spaces{stepUpRows.Space},
}

// stepUpRow is above which amount a wallet's payments need its device, and the
// claim that set it. The zero row is in force for no payment.
type stepUpRow struct {
	Above    pay.Amount   `cbor:"1,keyasint"`
	Currency pay.Currency `cbor:"2,keyasint"`
	Claim    pay.FactID   `cbor:"3,keyasint"`
	Status   pay.FactID   `cbor:"4,keyasint"` // the registry's fact on it
}

var (
	stepUpRows = rows.New("u/", "above which amount the wallet's payments need its device", rows.Text[pay.Scope]("WALLET"), rows.CBOR[stepUpRow]())
)

// stepUp returns why the payment needs two channels, the most alarming reason
// first, or "".
func (f found) stepUp() pay.StepUp {
	switch {
	case f.elsewhere():
		return pay.StepUpElsewhere
	case f.source.drifted(f.step, f.heard):
		return pay.StepUpDrift
	case f.row.Repaired:
		return pay.StepUpRepaired
	case f.heard.Sub(f.source.Resolved) >= pay.SilenceMax:
		return pay.StepUpSilence
	case f.currency == f.above.Currency && f.amount > f.above.Above:
		return pay.StepUpPayer
	case f.fuel:
		return pay.StepUpFuel
	case f.asked:
		return pay.StepUpMerchant
	default:
		return ""
	}
}

// challenge publishes to the payer's wallet alone which device has to give a
// code. It comes before the offer, so that the wallet has it by then. The offer
// ends with the challenge's life, if not before.
func (t *turn) challenge(p *paymentRow) error {
	p.Decision.Expires = twoChannelEnd(p.Decision, t.now)
	return t.publishChallenge(p)
}

// twoChannelEnd returns when an offer that needs two channels ends. Fuel that was given
// already is asked for as long as the request says, because nobody can take it back.
func twoChannelEnd(d pay.Decision, now pay.Time) pay.Time {
	if !d.Fuel.IsZero() && !d.IsHold() {
		return d.Expires
	}
	return min(d.Expires, now.Add(pay.TwoChannelLife))
}

func (t *turn) publishChallenge(p *paymentRow) error {
	d := &p.Decision
	_, err := t.publish(pay.Challenge{Payment: d.Payment, Device: p.Device, Nonce: t.nonce(d.Payment), At: t.now}, p.Wallet)
	return err
}

// nonce returns the challenge for a payment. It is as good as random to all who
// do not hold the registry's secret, and the same each time, so that no row has
// to keep it.
func (r *Registry) nonce(payment pay.PaymentID) pay.Nonce {
	sum := pay.MAC(r.secret[:], append([]byte("paybeacon/1 challenge"), payment[:]...))
	return pay.Nonce(sum[:len(pay.Nonce{})])
}

// checkApproval returns why the approval cannot pay the offer, or "". An offer
// that demands two channels, or whose code was heard elsewhere since, needs the
// code of the very device that was heard, which belongs to this wallet still, over
// the very terms of the offer. The approval of any other offer carries none.
func (t *turn) checkApproval(a pay.Answer, p *paymentRow) (pay.Reason, error) {
	if a.Verdict != pay.Approve {
		return "", nil
	}
	heard, err := t.heard(*p)
	if err != nil {
		return "", err
	}
	one := p.Decision.Method() == pay.MethodOne
	late := p.Asked || heard.Twice
	if one && !late && a.Tip != 0 {
		short, err := t.tipNeedsDevice(a, *p)
		if err != nil || short {
			return pay.ReasonNeedsDevice, err
		}
	}
	switch {
	case one && !late && !a.Code.IsZero():
		return pay.ReasonWrongTerms, nil
	case one && !late:
		return heard.checkUnattended(a, *p), nil
	case one && !p.Asked: // it was no prompt when the second place heard the code
		if err := t.askLate(p); err != nil {
			return "", err
		}
	}
	if a.Code.IsZero() {
		return pay.ReasonNeedsDevice, nil
	}
	c := pay.Challenge{Payment: p.Decision.Payment, Device: p.Device, Nonce: t.nonce(p.Decision.Payment)}
	return t.checkAuthCode(p.Device, a.Code, pay.AuthenticatePayment(t.root, t.in.Fact.Signer(), c, p.Decision, a.Tip))
}

// checkAuthCode returns the reason to refuse an authentication code, or "". The
// device that gave it must belong to the wallet whose claim is at hand, and be
// past its probation.
func (t *turn) checkAuthCode(device pay.DeviceID, code pay.AuthCode, what pay.Authentication) (pay.Reason, error) {
	row, ok, err := deviceRows.Get(t.rows, device)
	switch {
	case err != nil:
		return "", err
	case !ok || row.State != pay.DeviceActive || row.Wallet != t.from.Scope:
		return pay.ReasonUnknownDevice, nil
	}
	moves, err := t.moves(t.rows)
	if err != nil || t.now < moves.trusted(row) {
		return pay.ReasonNewDevice, err
	}
	key, err := deviceKeyOf(t.rows, row)
	if err != nil {
		return "", err
	}
	err = what.Verify(key, code)
	if errors.Is(err, pay.ErrSignature) {
		return pay.ReasonWrongCode, nil
	}
	return "", err
}

// deviceKeyOf returns the identity key of an active device, which stands in the
// bind that its mapping encloses. The bind was verified when it was mapped.
func deviceKeyOf(rows pay.Rows, row deviceRow) (pay.PublicKey, error) {
	b, err := bindOf(rows, row)
	if err != nil {
		return pay.PublicKey{}, fmt.Errorf("read the key of a device: %w", err)
	}
	return b.Device, nil
}

func bindOf(rows pay.Rows, row deviceRow) (b pay.Bind, err error) {
	status, ok, err := fact[pay.DeviceStatus](rows, row.Status)
	if err != nil || !ok {
		return b, cmp.Or(err, errors.New("its standing is missing"))
	}
	m, ok, err := fact[pay.Mapping](rows, status.Claim)
	if err != nil || !ok {
		return b, cmp.Or(err, errors.New("its mapping is missing"))
	}
	f, err := pay.Parse(m.Bind)
	if err != nil {
		return b, err
	}
	if b, err = pay.As[pay.Bind](f); err == nil && b.Device.ID() != status.Device {
		err = errors.New("its bind holds the key of another")
	}
	return b, err
}

// clearRepaired notes that a device has paid by two channels: what was in doubt
// since it was paired again is settled.
func (t *turn) clearRepaired(p paymentRow) error {
	row, ok, err := deviceRows.Get(t.rows, p.Device)
	if err != nil || !ok || !row.Repaired {
		return err
	}
	row.Repaired = false
	return deviceRows.Put(t.rows, p.Device, row)
}

// setStepUpAbove sets above which amount a wallet's payments need its device.
func (t *turn) setStepUpAbove(l pay.StepUpAbove) error {
	old, known, err := stepUpRows.Get(t.rows, t.from.Scope)
	if err != nil {
		return err
	}
	above := pay.AmountMax
	if known {
		above = old.Above
	}
	refused, err := t.checkStepUpAbove(l, old.Claim, above)
	if err != nil {
		return err
	}
	if refused != "" {
		return t.refuse(refused, pay.PaymentID{})
	}
	at := t.now
	if known {
		last, _, err := fact[pay.StepUpStatus](t.rows, old.Status)
		if err != nil {
			return err
		}
		at = max(at, last.At+1) // a wallet takes none that is dated before the one that it has
	}
	row := stepUpRow{Above: l.Above, Currency: l.Currency, Claim: t.in.Fact.ID()}
	row.Status, err = t.publish(pay.StepUpStatus{Claim: row.Claim, Above: l.Above, Currency: l.Currency, At: at}, t.from.Scope)
	if err != nil {
		return err
	}
	if err := stepUpRows.Put(t.rows, t.from.Scope, row); err != nil {
		return err
	}
	return t.settle("")
}

// checkStepUpAbove returns why the amount cannot be set, or "". One that gives
// less protection than the amount in force needs the code of a device of this
// wallet.
func (t *turn) checkStepUpAbove(l pay.StepUpAbove, before pay.FactID, above pay.Amount) (pay.Reason, error) {
	switch {
	case l.Currency != t.currency:
		return pay.ReasonWrongCurrency, nil
	case l.Before != before:
		return pay.ReasonOldStepUp, nil
	case !l.Loosens(above):
		return "", nil
	case l.Code.IsZero():
		return pay.ReasonNeedsDevice, nil
	}
	return t.checkAuthCode(l.Device, l.Code, pay.AuthenticateStepUpAbove(t.root, t.in.Fact.Signer(), l))
}

// stepUpAudit is the part of an audit that looks at two channels.
type stepUpAudit struct {
	*auditor
	statements map[pay.FactID]pay.StepUpStatus // the registry's, by their fact
}

func inspectStepUps(a *auditor) inspection {
	s := &stepUpAudit{auditor: a, statements: make(map[pay.FactID]pay.StepUpStatus)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindChallenge: reading(func(_ pay.Fact, c pay.Challenge) error {
				if c.Nonce != a.nonce(c.Payment) {
					a.report("payment %s: its challenge is not the registry's", c.Payment.Short())
				}
				return nil
			}),
			pay.KindStepUp: reading(func(f pay.Fact, l pay.StepUpStatus) error {
				s.statements[f.ID()] = l
				return nil
			}),
		},
		passes: []func(context.Context) error{s.checkAmounts},
	}
}

// checkAuthentication holds an approval that decided an offer against the offer's
// step-up: two channels need the code of the device that was heard (I6), one
// channel has none.
func (a *auditor) checkAuthentication(l decided, offer paymentRow, answer pay.Answer, wallet pay.NodeID) {
	if answer.Verdict != pay.Approve {
		return
	}
	d := offer.Decision
	if d.Method() == pay.MethodOne && !offer.Asked {
		if !answer.Code.IsZero() {
			a.report("payment %s: its approval carries a code that nobody asked for", d.Payment.Short())
		}
		return
	}
	c := pay.Challenge{Payment: d.Payment, Device: offer.Device, Nonce: a.nonce(d.Payment)}
	if pay.AuthenticatePayment(a.root, wallet, c, d, answer.Tip).Verify(a.keysOf[offer.Device], answer.Code) != nil {
		a.report("payment %s: it is %s without a code of the device that was heard", d.Payment.Short(), l.d.State)
	}
}

// checkAmounts compares each wallet's amount with the registry's last statement on
// it and with the claim that asked for it, and sees that no statement is without a
// row and that no amount was raised without a device.
func (a *stepUpAudit) checkAmounts(context.Context) error {
	newest, above := map[pay.Scope]pay.Time{}, map[pay.FactID]pay.Amount{{}: pay.AmountMax}
	for _, s := range a.statements {
		above[s.Claim] = s.Above
	}
	for _, s := range a.statements {
		l, ok, err := a.rows.Fact(s.Claim)
		if err != nil {
			return err
		}
		scope := a.nodes[l.Signer()].Scope
		claim, err := pay.As[pay.StepUpAbove](l)
		if !ok || err != nil || claim.Above != s.Above || claim.Currency != s.Currency {
			a.report("a limit of %s is not what its wallet asked for", scope)
			continue
		}
		newest[scope] = max(newest[scope], s.At)
		before, ok := above[claim.Before]
		if !ok || (claim.Loosens(before) && pay.AuthenticateStepUpAbove(a.root, l.Signer(), claim).Verify(a.keysOf[claim.Device], claim.Code) != nil) {
			a.report("limit of %s: it was raised without a code of a device", scope)
		}
	}
	err := stepUpRows.Walk(a.rows, stepUpRows.All(), func(scope pay.Scope, row stepUpRow, damage error) error {
		said, ok := a.statements[row.Status]
		switch {
		case damage != nil:
			a.report("limit of %s: its row cannot be read", scope)
		case !ok || said.At != newest[scope] || said.Claim != row.Claim || said.Above != row.Above || said.Currency != row.Currency:
			a.report("limit of %s: its row is not what the registry last said of it", scope)
		}
		delete(newest, scope)
		return nil
	})
	for scope := range newest {
		a.report("limit of %s: it was set and has no row", scope)
	}
	return err
}
