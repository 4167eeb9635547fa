package link

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/pay"
)

// Authenticate returns the device's authentication code for a, which names the
// wallet of the peer and its registry. p.Device must be set. The code is verified.
// Authenticate returns the error of ctx if ctx ended, and otherwise a *pay.Error:
// CodeUsage for a p without device or with an invalid address; CodeUnreachable;
// CodeNotTrusted if another device answers or the code does not verify; CodeBound
// if the device is bound to another wallet; CodePIN if it is unpaired; CodeTooMany
// if it has given too many codes; CodeUpgrade if it is too old for what is asked;
// CodeFailed if it answers otherwise.
func Authenticate(ctx context.Context, p Peer, a pay.Authentication) (pay.AuthCode, error) {
	var given code
	err := withDevice(ctx, p, "authenticate", func(c *client) (err error) {
		if given, err = request[code](c, signRequest(a)); err != nil {
			return explainFuel(a, err)
		}
		if err := a.Verify(c.device, given.Code); err != nil {
			return pay.Wrap(err, pay.CodeNotTrusted, "the device signed something else than it was asked", "check that it is paired with this wallet, at this registry")
		}
		return nil
	})
	if err != nil {
		return pay.AuthCode{}, err
	}
	return given.Code, nil
}

// Reach returns nil if the device answers at its address and proves its key. It
// returns the error of ctx if ctx ended, and otherwise a *pay.Error with
// CodeUsage, CodeUnreachable, CodeNotTrusted or CodeFailed, as Authenticate does.
func Reach(ctx context.Context, p Peer) error {
	c, err := dial(ctx, p)
	if err != nil {
		return err
	}
	c.close()
	return nil
}

// explainFuel returns the error for a device that cannot read a request of fuel: it is of
// a version that knew none.
func explainFuel(a pay.Authentication, err error) error {
	if a.Purpose == pay.PurposeFuel && errors.Is(err, errNotUnderstood) {
		return pay.Wrap(err, pay.CodeUpgrade, "the device cannot give its word for fuel", "its program is older than this wallet's: update it; until then another device pays")
	}
	return err
}

func signRequest(a pay.Authentication) message {
	if a.Purpose == pay.PurposeFuel {
		return signFuel{Nonce: a.Nonce, Subject: a.Subject, Merchant: a.Merchant, Amount: a.Amount, Currency: a.Currency, Site: a.Site, Fuel: a.Fuel}
	}
	return sign{Purpose: a.Purpose, Nonce: a.Nonce, Subject: a.Subject, Merchant: a.Merchant, Amount: a.Amount, Currency: a.Currency}
}

func (m sign) authentication() pay.Authentication {
	return pay.Authentication{Purpose: m.Purpose, Nonce: m.Nonce, Subject: m.Subject, Merchant: m.Merchant, Amount: m.Amount, Currency: m.Currency}
}

func (m signFuel) authentication() pay.Authentication {
	return pay.Authentication{
		Purpose: pay.PurposeFuel, Nonce: m.Nonce, Subject: m.Subject, Merchant: m.Merchant, Amount: m.Amount, Currency: m.Currency,
		Site: m.Site, Fuel: m.Fuel,
	}
}
