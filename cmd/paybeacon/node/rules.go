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

func (n *payer) standing(ctx context.Context) (wallet.StandingRules, error) {
	return read(ctx, n.store, func(v *store.View) (wallet.StandingRules, error) {
		return n.wallet.StandingRules(v, n.store.Now(), n.member.Currency)
	})
}

// listRules lists the rules of the wallet's store.
func (n *payer) listRules(ctx context.Context, _ api.Nothing) (out api.List[api.Rule], err error) {
	all, err := n.standing(ctx)
	out.Items = ruleObjects(all.Rules)
	return out, err
}

func ruleObjects(list []wallet.StandingRule) []api.Rule {
	out := make([]api.Rule, 0, len(list))
	for _, s := range list {
		out = append(out, ruleObject(s))
	}
	return out
}

func ruleObject(s wallet.StandingRule) api.Rule {
	r := api.Rule{
		V: 1, Type: "rule", Name: string(s.Name), By: s.By(), Merchant: s.Merchant, Each: s.Each, TipMax: s.TipMax, FirstVisit: api.FirstVisitAsk,
		Currency: s.Currency, Added: s.Added.String(),
	}
	if s.Day > 0 {
		r.Day = &s.Day
	}
	if s.MerchantDay > 0 {
		r.MerchantDay = &s.MerchantDay
	}
	if s.Strangers {
		r.FirstVisit = api.FirstVisitAllow
	}
	return r
}

// addRule keeps a rule; one of the same name is replaced.
func (n *payer) addRule(ctx context.Context, q api.RuleRequest) (api.Rule, error) {
	cur := n.member.Currency
	s := wallet.StandingRule{Name: pay.Rule(q.Name), Merchant: q.Merchant, Currency: cur}
	for _, a := range []struct {
		words string
		to    *pay.Amount
	}{{q.Each, &s.Each}, {q.Day, &s.Day}, {q.MerchantDay, &s.MerchantDay}, {q.TipMax, &s.TipMax}} {
		if a.words == "" {
			continue
		}
		var err error
		if *a.to, err = text.ParseAmount(a.words, cur); err != nil {
			return api.Rule{}, err
		}
	}
	switch q.FirstVisit {
	case "", api.FirstVisitAsk:
	case api.FirstVisitAllow:
		s.Strangers = true
	default:
		return api.Rule{}, pay.NewError(pay.CodeUsage, fmt.Sprintf("first visit %q is neither ask nor allow", text.Printable(q.FirstVisit)), "write --first-visit ask or allow")
	}
	if err := n.refusal(); err != nil {
		return api.Rule{}, err
	}
	s, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.StandingRule, pay.Reaction, error) {
		s, err := n.wallet.AddRule(tx, tx.Now(), s)
		return s, pay.Reaction{}, err
	})
	if err != nil {
		return api.Rule{}, err
	}
	return ruleObject(s), nil
}

// removeRule ends a rule.
func (n *payer) removeRule(ctx context.Context, q api.RuleRef) (api.Rule, error) {
	s, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.StandingRule, pay.Reaction, error) {
		s, err := n.wallet.RemoveRule(tx, pay.Rule(q.Name))
		return s, pay.Reaction{}, err
	})
	if err != nil {
		return api.Rule{}, err
	}
	return ruleObject(s), nil
}

// pauseRules stops everything that approves without a person, or lets it go on.
func (n *payer) pauseRules(ctx context.Context, q api.PauseRequest) (api.Rules, error) {
	_, err := commit(ctx, n.store, func(tx *store.Tx) (out struct{}, r pay.Reaction, err error) {
		switch {
		case q.Resume:
			err = n.wallet.ResumeRules(tx)
		case q.For > 0:
			err = n.wallet.PauseRules(tx, tx.Now().Add(q.For))
		default:
			err = n.wallet.PauseRules(tx, 0)
		}
		return out, r, err
	})
	if err != nil {
		return api.Rules{}, err
	}
	return n.rules(ctx, api.Nothing{})
}
