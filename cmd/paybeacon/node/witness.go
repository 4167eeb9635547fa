package node

import (
	"context"
	"errors"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// Some offers need the word of a device beside the approval of its wallet. The
// wallet's daemon asks the device for it over the link at the moment of the
// approval, whether a person approves or a rule, and keeps in mind why a device
// could not be had, for its owner to see.

// witnessRetry is how often an offer that a rule approves is tried again while
// its device cannot be had. Chosen: the payer brings the device within reach.
const witnessRetry = 2 * time.Second

// The crash points of a two-channel payment, beside those of store and sync.
const (
	AtBeforeCode = "wallet.before-code" // the device has not been asked
	AtAfterCode  = "wallet.after-code"  // it has answered, the wallet has not
)

// Answer answers the offer whose id begins with the given digits, or the only one
// that is pending where there are none, and returns once the answer is durable. An
// approval of an offer that needs two channels first gets the device's
// authentication code; without it nothing is answered, and the offer stays open.
// Its errors are those of wallet.Answer, and a *pay.Error with CodeDevice where the
// device could not be had.
func (n *payer) Answer(ctx context.Context, id string, v pay.Verdict, by pay.Rule) (api.Payment, error) {
	return n.answer(ctx, id, v, by, 0, nil)
}

// answerTo is Answer to the increment of a payment that is meant, zero for the payment's
// own offer, and to no other one. Its errors are those of wallet.Stands, too.
func (n *payer) answerTo(ctx context.Context, id string, increment pay.FactID, v pay.Verdict, by pay.Rule) error {
	_, err := n.answer(ctx, id, v, by, 0, &increment)
	return err
}

// answer is Answer with a tip, 0 for none, that an approval gives, and only to the
// increment that is meant; nil: to whatever is asked. Its errors are those of
// wallet.ApproveWithTip and wallet.Stands, too.
func (n *payer) answer(ctx context.Context, id string, v pay.Verdict, by pay.Rule, tip pay.Amount, meant *pay.FactID) (api.Payment, error) {
	if s := n.Standing(); s.Registry == api.RegistryOldCopy {
		return api.Payment{}, s.Refusal()
	}
	var code pay.AuthCode
	if v == pay.Approve {
		var err error
		if id, code, err = n.witness(ctx, id, by, tip); err != nil {
			return api.Payment{}, n.sayIfForGood(ctx, id, by, err)
		}
	}
	e, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.Entry, pay.Reaction, error) {
		if meant != nil {
			if err := n.wallet.Stands(tx, tx.Now(), id, *meant); err != nil {
				return wallet.Entry{}, pay.Reaction{}, err
			}
		}
		if tip != 0 {
			return n.wallet.ApproveWithTip(tx, tx.Now(), id, by, tip, code)
		}
		return n.wallet.Answer(tx, tx.Now(), id, v, by, code)
	})
	if err != nil {
		return api.Payment{}, err
	}
	if e.StepUp == pay.StepUpDrift && v == pay.Approve {
		n.refreshSoon()
	}
	return n.paymentObject(e), nil
}

// witness asks the device for its word on an offer, which is over amount and tip. It
// returns the full id of the payment that is meant, and a zero code where one channel is
// enough.
func (n *payer) witness(ctx context.Context, id string, by pay.Rule, tip pay.Amount) (full string, code pay.AuthCode, err error) {
	var p pay.PaymentID
	var w wallet.Witness
	var needed bool
	err = n.store.View(ctx, func(v *store.View) error {
		p, w, needed, err = n.wallet.Witness(v, id, by, tip)
		return err
	})
	switch {
	case err != nil:
		return id, code, err
	case !needed: // p, because another may be the only pending one a moment later
		return p.String(), code, nil
	}
	n.Seams.Pass(AtBeforeCode)
	code, err = n.authenticate(ctx, w.Device, w.Sign)
	n.problems.note(p, err)
	if err == nil {
		n.Seams.Pass(AtAfterCode)
	}
	return p.String(), code, err
}

// authenticate gets a device's authentication code. Unless ctx ended its errors
// are *pay.Error with CodeDevice.
func (n *payer) authenticate(ctx context.Context, d wallet.Device, a pay.Authentication) (pay.AuthCode, error) {
	name := "device " + d.ID.Short()
	switch {
	case d.State == pay.DeviceRevoked: // pending may be a refresh; the registry knows
		return pay.AuthCode{}, pay.NewError(pay.CodeDevice, name+" is needed and does not belong to this wallet any more", "decline the offer")
	case d.Link == "":
		return pay.AuthCode{}, pay.NewError(pay.CodeDevice, name+" is needed and this wallet does not know where its link is",
			"say where: "+moveHint(d))
	case n.store.Now() < d.Trusted && d.Trusted <= n.store.Now().Add(pay.DeviceProbation+pay.ClockFollow):
		// The registry would refuse its word. A date further ahead is that of a wrong clock.
		return pay.AuthCode{}, pay.NewError(pay.CodeDevice, name+" is needed and its word counts for nothing before "+text.Moment(d.Trusted.String()),
			"a further device of a wallet is on probation for a day; use one that you have had for longer, or ask who runs the registry to vouch for it: paybeacon admin vouch --device "+d.ID.Short())
	}
	var code pay.AuthCode
	err := n.withDevice(ctx, d, func() (err error) {
		code, err = link.Authenticate(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}, a)
		return err
	})
	if err == nil || ctx.Err() != nil {
		return code, err
	}
	hint := "bring the device within reach, then try again; if its address changed: " + moveHint(d)
	var known *pay.Error
	if errors.As(err, &known) && known.Code != pay.CodeUnreachable {
		hint = api.HintOf(err)
	}
	return code, pay.Wrap(err, pay.CodeDevice, name+" is needed and did not give its word", hint)
}

// witnessByRule gets the device's word for the offers that the owner's rule
// approves, and tries again while the device cannot be had.
func (n *payer) witnessByRule(ctx context.Context) error {
	changed, stop := n.store.WatchSpace(wallet.Challenges)
	defer stop()
	for {
		left, err := n.witnessAll(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var again <-chan time.Time
		if left > 0 {
			again = time.After(witnessRetry)
		}
		select {
		case <-changed:
			if left == 0 {
				continue
			}
			select { // a busy feed must not make the device be asked more often
			case <-again:
			case <-ctx.Done():
				return nil
			}
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// canWait says that an answer could not be given now and may be a moment later:
// the device is out of reach, the disk is full, or the wallet is an old copy. None is
// a reason for the wallet to end.
func canWait(err error) bool {
	code := pay.CodeOf(err)
	return code == pay.CodeDevice || code == pay.CodeNoSpace || code == pay.CodeOldCopy
}

// witnessAll tries each such offer once and returns how many are left.
func (n *payer) witnessAll(ctx context.Context) (left int, err error) {
	var offers []wallet.ByRule
	err = n.store.View(ctx, func(v *store.View) error {
		offers, err = n.wallet.RuleNeedsWitness(v, n.store.Now())
		return err
	})
	for _, o := range offers {
		id := o.Payment
		before := n.problems.of(id)
		err := n.answerTo(ctx, id.String(), pay.FactID{}, pay.Approve, o.By)
		switch code := pay.CodeOf(err); {
		case code == "", code == pay.CodeDecided, code == pay.CodeNotFound:
			continue
		case code == pay.CodeNotAllowed: // another payment has used up what the rule allows
			n.problems.note(id, err)
		case canWait(err), code == pay.CodeUpgrade, code == pay.CodeTooMany:
			left++
			n.problems.note(id, err)
			if before != err.Error() {
				n.Log.Warn("an offer waits", "payment", id.Short(), "error", err)
			}
		default:
			return left, err
		}
	}
	return left, err
}
