package device

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// authCodesSpan is the span of time over which authentication codes are counted.
// Chosen: the minute of pay.AuthCodesPerMinute.
const authCodesSpan pay.Millis = 60_000

// Authenticate returns an authentication code for a to the wallet of this
// session. It replaces a's registry and wallet by those of the binding. It returns
// a *pay.Error with CodePIN if the device is unpaired, CodeBound if it is bound to
// another wallet, CodeUsage if a field is invalid, and CodeTooMany if it has given
// pay.AuthCodesPerMinute within the last minute; and the error of
// pay.Authenticate.
func (s *Session) Authenticate(a pay.Authentication) (pay.AuthCode, error) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.state.Binding == nil:
		return pay.AuthCode{}, errPIN()
	case !d.state.boundTo(s.wallet):
		return pay.AuthCode{}, errBound()
	}
	a.Registry, a.Wallet = d.state.Binding.Registry, s.wallet.ID()
	if err := a.Check(); err != nil {
		return pay.AuthCode{}, pay.WrapCase(err, pay.CodeUsage, "versions_differ", "authenticate")
	}
	if !d.countCode(d.now()) {
		return pay.AuthCode{}, pay.NewCase(pay.CodeTooMany, "codes_too_often", fmt.Sprintf("the device has given %d codes within a minute", pay.AuthCodesPerMinute))
	}
	code, err := pay.Authenticate(d.key, a)
	if err == nil {
		d.emit(Event{Kind: EventAuthenticated, Wallet: s.wallet.ID(), Signed: a})
	}
	return code, err
}

// countCode counts a code that is about to be given. It reports false, and counts
// nothing, if too many were given.
func (d *Device) countCode(now pay.Time) bool {
	oldest := d.issuedAt[d.issuedNext]
	if !d.issuedFull() || now.Sub(oldest) >= authCodesSpan {
		d.issuedAt[d.issuedNext], d.issuedCount = now, min(d.issuedCount+1, len(d.issuedAt))
		d.issuedNext = (d.issuedNext + 1) % len(d.issuedAt)
		return true
	}
	return false
}

func (d *Device) issuedFull() bool { return d.issuedCount == len(d.issuedAt) }
