package link

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
)

// OnAir returns the code that the device broadcasts now, and for how long it will
// stay, at most onAirMax. p.Device must be set. It returns the error of ctx if
// ctx ended, and otherwise a *pay.Error: CodeUsage for a p without device or with an
// invalid address; CodeUnreachable; CodeNotTrusted if another device answers;
// CodeBound if the device is bound to another wallet; CodePIN if it is unpaired;
// CodeRadio if nothing is on the air; CodeUpgrade if it is of a version that cannot
// tell; CodeFailed if it answers otherwise.
func OnAir(ctx context.Context, p Peer) (c pay.Code, stays pay.Millis, err error) {
	if p.Device.IsZero() {
		return c, 0, pay.NewError(pay.CodeUsage, "ask what is on the air: no device is given", "name the device; its id is among those of paybeacon wallet devices")
	}
	l, err := dial(ctx, p)
	if err != nil {
		return c, 0, err
	}
	defer l.close()
	switch m, err := l.exchange(air{}); m := m.(type) {
	case nil:
		return c, 0, l.explain(err)
	case onAir:
		return m.Code, min(max(m.Stays, 0), onAirMax), nil
	case refuse:
		if m.Reason == reasonMalformed {
			return c, 0, errOlder()
		}
		return c, 0, m.explain()
	default:
		return c, 0, errUnexpected(m)
	}
}

// onAirMax is the longest that a code is on the air, in milliseconds. Published:
// Eddystone-EID specification, the longest step, and pay.SwitchJitterMax.
const onAirMax = pay.Millis(1)<<pay.ExponentMax*1000 + pay.SwitchJitterMax

// errOlder means that a device refused a request because it does not know it.
func errOlder() error {
	return pay.NewError(pay.CodeUpgrade, "the device is of an older version, which cannot do that", "run the present version of paybeacon on the device")
}
