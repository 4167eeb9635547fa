package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	hintAgain   = "run the same command again; with the same PIN as long as the device shows no other"
	hintRunning = "check that beacon run is running with --link and that the address is the one it shows"
	hintVersion = "check the address, and that both sides run the same version of paybeacon"
)

// unreachable says that the network or the device failed, unless ctx ended.
func unreachable(ctx context.Context, err error, what string) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return pay.Wrap(err, pay.CodeUnreachable, what, hintRunning)
}

// explainHandshake tells another device, something that is none and a dead
// connection apart.
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

// explain says what a conversation died of.
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

// explainSilence is explain after a proof, where a device that ends the
// conversation in order and without a word did not accept it.
func (c *client) explainSilence(err error) error {
	if errors.Is(err, io.EOF) && !c.raw.ended && c.ctx.Err() == nil {
		return pay.NewError(pay.CodePIN, "the device did not accept the PIN",
			fmt.Sprintf("read the PIN that the device shows now: it changes after %d wrong tries and every %d minutes", pay.PairingTries, pay.PairingTTL/60_000))
	}
	return c.explain(err)
}

// explain gives a refusal the code and hint that a person needs. The words are
// the wallet's own: a stranger's are not shown.
func (r refuse) explain() error {
	switch r.Reason {
	case reasonBound:
		return pay.NewError(pay.CodeBound, "the device is bound to another wallet", "its owner releases it first: paybeacon wallet revoke --device ID")
	case reasonPaired:
		return pay.NewError(pay.CodeConflict, "the device is already bound to this wallet", "paybeacon wallet devices lists it; to pair it anew, revoke it first")
	case reasonPIN:
		return pay.NewError(pay.CodePIN, "the device is not bound to this wallet, or its PIN has just ended", "pair it with the PIN that it shows now")
	case reasonOften:
		return pay.NewError(pay.CodeTooMany, "the device was asked for codes too often", "wait a minute; if it was not you who asked, revoke the device")
	case reasonMalformed:
		return pay.NewError(pay.CodeFailed, "the device does not understand this wallet", hintVersion)
	default:
		return pay.NewError(pay.CodeFailed, "the device could not do it", "look at what beacon run says, then run the same command again")
	}
}

func errUnexpected(m message) error {
	return pay.NewError(pay.CodeFailed, fmt.Sprintf("the device answered with a frame of type %d out of turn", m.frameType()), hintVersion)
}
