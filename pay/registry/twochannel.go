package registry

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// limitRow is above which amount a wallet's payments need its device, and the
// claim that said so.
type limitRow struct {
	Above    pay.Amount   `cbor:"1,keyasint"`
	Currency pay.Currency `cbor:"2,keyasint"`
	Claim    pay.FactID   `cbor:"3,keyasint"`
	Status   pay.FactID   `cbor:"4,keyasint"` // the registry's word on it
}

// demand returns who demands two channels for a payment by the device that was
// found, the most alarming reason first, or "". elsewhere says that the code
// was heard at two sites.
func (t *turn) demand(m match, h *head, asked, elsewhere bool) (pay.StepUp, error) {
	limit, limited, err := limitRows.Get(t.rows, m.row.Wallet)
	switch {
	case err != nil:
		return "", err
	case elsewhere:
		return pay.StepUpElsewhere, nil
	case m.source.drifted(m.step, h.Heard):
		return pay.StepUpDrift, nil
	case m.row.Repaired:
		return pay.StepUpRepaired, nil
	case h.Heard.Sub(m.source.Resolved) >= pay.SilenceMax:
		return pay.StepUpSilence, nil
	case limited && limit.Currency == h.Decision.Currency && h.Decision.Amount > limit.Above:
		return pay.StepUpPayer, nil
	case asked:
		return pay.StepUpMerchant, nil
	default:
		return "", nil
	}
}

// carriedSince says that an offer by one channel was made before its code was
// heard at another site as well. Which of the two was first says nothing about
// who carried it, so an approval that comes after that pays neither: the
// merchant charges again, and the device is asked.
func (t *turn) carriedSince(h head) (bool, error) {
	if h.Decision.Method() != pay.MethodOne {
		return false, nil
	}
	heard, ok, err := heardRows.Get(t.rows, rows.Key(h.Device, h.Step))
	return ok && heard.Twice, err
}

// challenge tells the payer's wallet, and nobody else, of which device it needs
// a code. It is posted before the offer, so that the wallet has it by then. The
// offer ends with the challenge's life, if not before.
func (t *turn) challenge(h *head) error {
	d := &h.Decision
	d.Expires = min(d.Expires, t.now.Add(pay.TwoChannelLife))
	_, err := t.post(pay.Challenge{Payment: d.Payment, Device: h.Device, Nonce: t.nonce(d.Payment), At: t.now}, h.Wallet)
	return err
}

// nonce returns the challenge for a payment. It is as good as random to all who
// do not hold the registry's secret, and the same each time, so that no row has
// to keep it.
func (r *Registry) nonce(payment pay.PaymentID) pay.Nonce {
	h := hmac.New(sha256.New, r.secret[:])
	h.Write([]byte("paybeacon/1 challenge"))
	h.Write(payment[:])
	return pay.Nonce(h.Sum(nil)[:len(pay.Nonce{})])
}

// checkCode returns why the approval may not pay an offer that demands two
// channels, or "": it must carry the code of the very device that was heard,
// which belongs to this wallet still, over the very terms of the offer. An
// approval of any other offer carries none.
func (t *turn) checkCode(a pay.Answer, h head) (pay.Reason, error) {
	switch {
	case a.Verdict != pay.Approve:
		return "", nil
	case h.Decision.Method() == pay.MethodOne && !a.Code.IsZero():
		return pay.ReasonWrongTerms, nil
	case h.Decision.Method() == pay.MethodOne:
		return "", nil
	case a.Code.IsZero():
		return pay.ReasonNeedsDevice, nil
	}
	c := pay.Challenge{Payment: h.Decision.Payment, Device: h.Device, Nonce: t.nonce(h.Decision.Payment)}
	return t.spoken(h.Device, a.Code, pay.AuthenticatePayment(t.root, t.in.Fact.Signer(), c, h.Decision))
}

// spoken returns why a code is not the word of a device that speaks for the
// wallet at hand, or "".
func (t *turn) spoken(device pay.DeviceID, code pay.AuthCode, what pay.Authentication) (pay.Reason, error) {
	row, ok, err := deviceRows.Get(t.rows, device)
	switch {
	case err != nil:
		return "", err
	case !ok || row.State != pay.DeviceActive || row.Wallet != t.from.Scope:
		return pay.ReasonUnknownDevice, nil
	case t.now < row.Trusted:
		return pay.ReasonNewDevice, nil
	}
	key, err := deviceKeyOf(t.rows, row)
	if err != nil {
		return "", err
	}
	return verified(what.Verify(key, code))
}

// verified turns a code that does not verify into the reason to refuse it.
func verified(err error) (pay.Reason, error) {
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

// proven notes that a device has paid by two channels: what was in doubt since
// it was paired again is settled.
func (t *turn) proven(h head) error {
	row, ok, err := deviceRows.Get(t.rows, h.Device)
	if err != nil || !ok || !row.Repaired {
		return err
	}
	row.Repaired = false
	return deviceRows.Put(t.rows, h.Device, row)
}

// limit sets above which amount a wallet's payments need its device.
func (t *turn) limit() error {
	l, err := pay.As[pay.StepUpAbove](t.in.Fact)
	if err != nil {
		return err
	}
	old, known, err := limitRows.Get(t.rows, t.from.Scope)
	if err != nil {
		return err
	}
	above := pay.AmountMax
	if known {
		above = old.Above
	}
	reason, err := t.mayLimit(l, old.Claim, above)
	if err != nil {
		return err
	}
	if reason != "" {
		return t.refuse(reason, pay.PaymentID{})
	}
	row := limitRow{Above: l.Above, Currency: l.Currency, Claim: t.in.Fact.ID()}
	row.Status, err = t.post(pay.StepUpStatus{Claim: row.Claim, Above: l.Above, Currency: l.Currency, At: t.now}, t.from.Scope)
	if err != nil {
		return err
	}
	if err := limitRows.Put(t.rows, t.from.Scope, row); err != nil {
		return err
	}
	return t.settle("")
}

// mayLimit returns why the limit may not be set, or "". One that loosens the
// limit in force needs the code of a device of this wallet.
func (t *turn) mayLimit(l pay.StepUpAbove, before pay.FactID, above pay.Amount) (pay.Reason, error) {
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
	return t.spoken(l.Device, l.Code, pay.AuthenticateStepUpAbove(t.root, t.in.Fact.Signer(), l))
}
