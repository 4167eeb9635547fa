package node

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// unheard is what a node and its registry have not heard of one another.
func unheard(v *store.View, p peer) (u api.Unheard, err error) {
	position, err := v.Position()
	if err != nil {
		return u, err
	}
	u.Queued = position.Last - position.Acked
	if since := p.contact.staleSince(); since != "" {
		u.StaleSince = &since
	}
	return u, nil
}

func (b *Box) status(ctx context.Context, _ api.Nothing) (api.BoxStatus, error) {
	m := b.member
	s := api.BoxStatus{
		V: 1, Type: "status", Role: pay.RoleBox, Node: b.key.ID().String(), Name: m.Name, Merchant: m.Shop, Site: m.Site, Standing: b.Standing(),
	}
	if b.radio.Scanner != nil {
		h := b.air.Health()
		s.Radio, s.RadioWhy, s.AdvertsPerSecond = api.RadioWord(h.Deaf), h.Why, api.RoundRate(h.Rate)
	}
	err := b.store.View(ctx, func(v *store.View) (err error) {
		if s.Statements, err = lastStatements(v, m.Scope); err != nil {
			return err
		}
		s.Unheard, err = unheard(v, b.peer)
		return err
	})
	return s, err
}

// answerByHand answers an offer for a person.
func (n *Wallet) answerByHand(ctx context.Context, q api.AnswerRequest) (api.Payment, error) {
	if err := n.refusal(); err != nil {
		return api.Payment{}, err
	}
	id := q.ID
	var meant *pay.FactID // what is over the amount, and may not be what is asked a moment later
	if q.Amount != "" {
		e, err := read(ctx, n.store, func(v *store.View) (wallet.Entry, error) { return n.wallet.Offer(v, n.store.Now(), q.ID) })
		if err != nil {
			return api.Payment{}, err
		}
		amount, err := text.ParseAmount(q.Amount, e.Currency)
		if err != nil {
			return api.Payment{}, err
		}
		asked := e.Amount
		if meant = new(pay.FactID{}); e.Increment != nil {
			asked, *meant = e.Increment.Amount, e.Increment.ID
		}
		if amount != asked {
			return api.Payment{}, pay.NewError(pay.CodeConflict, fmt.Sprintf("payment %s is over %s, not %s", e.ID.Short(), text.FormatMoney(asked, e.Currency), text.FormatMoney(amount, e.Currency)),
				"nothing was answered; `paybeacon wallet pending` lists the offers")
		}
		id = e.ID.String() // another may be the only one a moment later
	}
	q.ID = id
	id, tip, err := n.tipOf(ctx, q)
	if err != nil {
		return api.Payment{}, err
	}
	if q.Tip != "" && q.Verdict != pay.Approve {
		return api.Payment{}, pay.NewError(pay.CodeUsage, "a tip goes with an approval", "leave it out to decline")
	}
	if q.Cannot {
		return n.cannotAnswer(ctx, id, pay.ByHand)
	}
	return n.answer(ctx, id, q.Verdict, pay.ByHand, tip, meant)
}
