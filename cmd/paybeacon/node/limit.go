package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// limitWait is how long a change waits for the registry's answer. Chosen: a person
// waits; it stays asked for all the same.
const limitWait = 10 * time.Second

// rules says what the wallet answers by itself and from where on it needs the
// device.
func (n *payer) rules(ctx context.Context, _ api.Nothing) (api.Rules, error) {
	out, _, err := n.readRules(ctx)
	return out, err
}

func (n *payer) readRules(ctx context.Context) (out api.Rules, l wallet.StepUpAbove, err error) {
	err = n.store.View(ctx, func(v *store.View) (err error) {
		l, err = n.wallet.StepUpAbove(v)
		return err
	})
	if err != nil {
		return out, l, err
	}
	all, err := n.standing(ctx)
	out = api.Rules{
		V: 1, Type: "rules", Approve: n.approve, Currency: n.member.Currency, Pending: l.Pending, Refused: l.Refused,
		Rules: ruleObjects(all.Rules), Paused: all.Paused, SpentToday: all.Spent,
	}
	if all.Until != 0 {
		out.PausedUntil = all.Until.String()
	}
	if l.Above < pay.AmountMax {
		out.TwoChannelAbove = &l.Above
	}
	return out, l, err
}

// setLimit asks the registry for another limit and returns once it has spoken.
// A limit that protects less needs the word of one of the wallet's devices.
func (n *payer) setLimit(ctx context.Context, q api.LimitRequest) (api.Rules, error) {
	above, err := parseLimit(q.Above, n.member.Currency)
	if err != nil {
		return api.Rules{}, err
	}
	if err := n.refusal(); err != nil {
		return api.Rules{}, err
	}
	var l pay.StepUpAbove
	var sign pay.Authentication
	var needed bool
	err = n.store.View(ctx, func(v *store.View) (err error) {
		l, sign, needed, err = n.wallet.PlanStepUpAbove(v, n.store.Now(), above, n.member.Currency)
		return err
	})
	if err == nil && needed {
		l.Device, l.Code, err = n.anyWitness(ctx, sign)
	}
	if err != nil {
		return api.Rules{}, err
	}
	claim, err := commit(ctx, n.store, func(tx *store.Tx) (pay.FactID, pay.Reaction, error) { return n.wallet.SetStepUpAbove(tx, l) })
	if err != nil {
		return api.Rules{}, err
	}
	return n.limitDecided(ctx, claim)
}

// limitDecided returns the rules once the registry has spoken of a change, or
// with Pending when it has not for a while.
func (n *payer) limitDecided(ctx context.Context, claim pay.FactID) (out api.Rules, err error) {
	waiting, cancel := context.WithTimeout(ctx, limitWait)
	defer cancel()
	var l wallet.StepUpAbove
	err = n.Watch(waiting, func() (bool, error) {
		out, l, err = n.readRules(ctx)
		return l.Asked != claim || !l.Pending, err
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return out, nil
	case err != nil:
		return out, err
	case l.Claim == claim: // whatever became of a change that somebody asked for since
		out.Pending, out.Refused = false, ""
	case l.Asked != claim:
		return out, pay.NewError(pay.CodeConflict, "the limit was changed again meanwhile", "look at it with `paybeacon wallet rules`")
	}
	return out, nil
}

// anyWitness gets the word of whichever of the wallet's devices can be had.
func (n *payer) anyWitness(ctx context.Context, a pay.Authentication) (pay.DeviceID, pay.AuthCode, error) {
	devices, err := n.allDevices(ctx)
	last := error(pay.NewError(pay.CodeDevice, "to raise or lift the limit a device has to agree, and this wallet has none", "pair one first"))
	if err != nil {
		last = err
	}
	for _, d := range devices {
		if d.State == pay.DeviceRevoked {
			continue
		}
		code, err := n.authenticate(ctx, d, a)
		if err == nil {
			return d.ID, code, nil
		}
		last = err
	}
	return pay.DeviceID{}, pay.AuthCode{}, last
}

// parseLimit reads an amount, 0 for every payment, or none.
func parseLimit(s string, cur pay.Currency) (pay.Amount, error) {
	if s == "none" {
		return pay.AmountMax, nil
	}
	if whole, rest, _ := strings.Cut(s, "."); whole == "0" && strings.Trim(rest, "0") == "" {
		return 0, nil
	}
	a, err := text.ParseAmount(s, cur)
	if err != nil {
		return 0, pay.Wrap(err, pay.CodeAmount, "read the limit", fmt.Sprintf("write an amount such as %s, 0 for every payment, or none", text.FormatAmount(5000, cur)))
	}
	return a, nil
}
