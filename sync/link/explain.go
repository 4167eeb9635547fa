package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	hintAgain   = "run the same command again; with the same PIN as long as the device shows no other"
	hintRunning = "check that beacon run is running with --link and that the address is the one it shows"
	hintVersion = "check the address, and that both sides run the same version of paybeacon"
)

// unreachable returns the *pay.Error, with pay.CodeUnreachable, for a network or
// device that failed, or the error of ctx if it ended.
func unreachable(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return pay.Wrap(err, pay.CodeUnreachable, what, hintRunning)
}

// explainHandshake returns a *pay.Error for a failed handshake: with
// pay.CodeNotTrusted for another device, pay.CodeFailed for a peer that is not a
// device, and otherwise as unreachable.
func explainHandshake(ctx context.Context, err error, address string) error {
	var record tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.Is(err, errPeer):
		return pay.Wrap(err, pay.CodeNotTrusted, "another device answers at "+address, hintVersion)
	case errors.As(err, &record), errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return pay.Wrap(err, pay.CodeFailed, "what answers at "+address+" is no device of paybeacon", hintVersion)
	default:
		return unreachable(ctx, err, "reach the device at "+address)
	}
}

// explain returns the error to show for a connection that ended: that of ctx, or
// a *pay.Error with pay.CodeFailed for malformed frames and pay.CodeUnreachable
// for all else.
func (c *client) explain(err error) error {
	switch {
	case c.ctx.Err() != nil:
		return fmt.Errorf("talk to the device: %w", c.ctx.Err())
	case errors.Is(err, errMalformed):
		return pay.Wrap(err, pay.CodeFailed, "what the device sent makes no sense", hintVersion)
	default:
		return pay.Wrap(err, pay.CodeUnreachable, "the connection to the device broke", hintAgain)
	}
}

// refusal is a reason for which a device refuses, and the code of its own error that
// leads to it. The wallet shows the same code, with texts of its own: those of a peer
// are not shown.
type refusal struct {
	reason     reason
	code       pay.ErrorCode
	what, hint string
}

// refusals returns all of them, and at the end the one for every other code and reason.
func refusals() []refusal {
	return []refusal{
		{"bound", pay.CodeBound, "the device is bound to another wallet", "its owner releases it first: paybeacon wallet revoke --device ID"},
		{"paired", pay.CodeConflict, "the device is already bound to this wallet", "paybeacon wallet devices lists it; to pair it anew, revoke it first"},
		{"pin", pay.CodePIN, "the device is not bound to this wallet, or its PIN has just ended", "pair it with the PIN that it shows now"},
		{"often", pay.CodeTooMany, "the device was asked for codes too often", "wait a minute; if it was not you who asked, revoke the device"},
		{"silent", pay.CodeRadio, "the device broadcasts nothing now", "look at what beacon run says; a code is on the air a moment after it was paired"},
		{"fixed", pay.CodeNotAvailable, "the device states the power that it was started with", "start it without --power if this wallet is to learn its level"},
		{reasonMalformed, pay.CodeUsage, "", ""},
		{"failed", pay.CodeFailed, "the device could not do it", "look at what beacon run says, then run the same command again"},
	}
}

// reasonMalformed is that of a request which the device cannot read.
const reasonMalformed reason = "malformed"

// find returns the first refusal that fits, or the last.
func find(fits func(refusal) bool) refusal {
	all := refusals()
	if i := slices.IndexFunc(all, fits); i >= 0 {
		return all[i]
	}
	return all[len(all)-1]
}

// explain returns the *pay.Error for a refusal.
func (r refuse) explain() error {
	if r.Reason == reasonMalformed {
		return pay.Wrap(errNotUnderstood, pay.CodeFailed, "pair", hintVersion)
	}
	f := find(func(f refusal) bool { return f.reason == r.Reason })
	return pay.NewError(f.code, f.what, f.hint)
}

// errNotUnderstood means that the device could not read a request.
var errNotUnderstood = errors.New("the device does not understand this wallet")
