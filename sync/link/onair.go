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
	now, err := question[onAir](ctx, p, air{}, "ask what is on the air")
	return now.Code, min(max(now.Stays, 0), onAirMax), err
}

// question sends a request that devices of old do not know to p.Device, which must be
// set, and returns its answer. what says in an error what was tried. Its errors are
// those of OnAir.
func question[Answer message](ctx context.Context, p Peer, request message, what string) (answer Answer, err error) {
	if p.Device.IsZero() {
		return answer, pay.NewError(pay.CodeUsage, what+": no device is given", "name the device; its id is among those of paybeacon wallet devices")
	}
	l, err := dial(ctx, p)
	if err != nil {
		return answer, err
	}
	defer l.close()
	switch m, err := l.exchange(request); m := m.(type) {
	case nil:
		return answer, l.explain(err)
	case refuse:
		if m.Reason == reasonMalformed {
			return answer, errOlder()
		}
		return answer, m.explain()
	case Answer:
		return m, nil
	default:
		return answer, errUnexpected(m)
	}
}

// onAirMax is the longest that a code is on the air, in milliseconds. Published:
// Eddystone-EID specification, the longest step, and pay.SwitchJitterMax.
const onAirMax = pay.Millis(1)<<pay.ExponentMax*1000 + pay.SwitchJitterMax

// errOlder means that a device refused a request because it does not know it.
func errOlder() error {
	return pay.NewError(pay.CodeUpgrade, "the device is of an older version, which cannot do that", "run the present version of paybeacon on the device")
}
