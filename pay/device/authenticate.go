package device

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// minute is the span over which authentication codes are counted.
const minute pay.Millis = 60_000

// Authenticate gives the wallet of this conversation an authentication code.
// Who asks and for which registry is what the device knows of itself, whatever
// the wallet said. Its errors are *pay.Error: CodeBound when the device is
// another wallet's, CodePIN when it is nobody's, CodeTooMany when it has given pay.AuthCodesPerMinute lately,
// CodeUsage when a field is no good.
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
		return pay.AuthCode{}, pay.Wrap(err, pay.CodeUsage, "authenticate", "use the same version of paybeacon on both sides")
	}
	if !d.mayGive(d.now()) {
		return pay.AuthCode{}, pay.NewError(pay.CodeTooMany, fmt.Sprintf("the device has given %d codes within a minute", pay.AuthCodesPerMinute), "wait a minute; if it was not you who asked, revoke the device")
	}
	code, err := pay.Authenticate(d.key, a)
	if err == nil {
		d.tell(Event{Kind: EventAuthenticated, Wallet: s.wallet.ID(), Signed: a})
	}
	return code, err
}

// mayGive counts a code that is about to be given, unless there were too many.
func (d *Device) mayGive(now pay.Time) bool {
	oldest := d.given[d.givenNext]
	if !d.givenFull() || now.Sub(oldest) >= minute {
		d.given[d.givenNext], d.givenCount = now, min(d.givenCount+1, len(d.given))
		d.givenNext = (d.givenNext + 1) % len(d.given)
		return true
	}
	return false
}

func (d *Device) givenFull() bool { return d.givenCount == len(d.given) }
