package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// payouts take money out of accounts: the opposite of top-ups.
var payouts = feature{
	name:      "payouts",
	publishes: []pay.Kind{pay.KindPaidOut},
	audit:     inspectPayouts,
	spaces:    rows.Spaces{payoutRows.Space},
}

var payoutRows = rows.New("tp/", "a payout", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[payoutRow]())

// payoutRow is what a key of a payout stands for.
type payoutRow struct {
	Fact     pay.FactID   `cbor:"1,keyasint"`
	Account  pay.Scope    `cbor:"2,keyasint"`
	Amount   pay.Amount   `cbor:"3,keyasint"`
	Currency pay.Currency `cbor:"4,keyasint"`
	At       pay.Time     `cbor:"5,keyasint"`
}

// PayOut takes money out of the account of a wallet or of a merchant and publishes
// this to that wallet or merchant and in the registry's own feed. At is set here. The
// same key with the same account, amount and currency is the first payout again. Its
// refusals are *pay.Error: pay.CodeFunds where less is available, pay.CodeKeyUsed,
// pay.CodeAmount, pay.CodeCurrency, pay.CodeUsage; they change nothing. Any other error
// is the store's, or wraps pay.ErrCannotSign.
func (r *Registry) PayOut(tx pay.WritableRows, now pay.Time, ask pay.PaidOut) (pay.PaidOut, pay.Reaction, error) {
	ask.At = now
	if err := r.checkPayout(ask); err != nil {
		return ask, pay.Reaction{}, err
	}
	old, used, err := payoutRows.Get(tx, ask.Key)
	switch {
	case err != nil:
		return ask, pay.Reaction{}, fmt.Errorf("pay out: %w", err)
	case used && (old.Account != ask.Account || old.Amount != ask.Amount || old.Currency != ask.Currency):
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeKeyUsed, "payout_key_used", fmt.Sprintf("pay out: key %q stands for another payout", string(ask.Key)))
	case used:
		ask.At = old.At
		return ask, pay.Reaction{}, nil
	}
	err = book.PayOut(tx, ask.Account, ask.Amount, ask.Currency)
	switch {
	case errors.Is(err, book.ErrInsufficient):
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeFunds, "payout_funds", "pay out")
	case errors.Is(err, pay.ErrOverflow):
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeAmount, "account_full", "pay out")
	case err != nil:
		return ask, pay.Reaction{}, err
	}
	published, err := r.sign(now, ask, pay.ScopeRegistry, ask.Account)
	if err != nil {
		return ask, pay.Reaction{}, err
	}
	row := payoutRow{Fact: published.Fact.ID(), Account: ask.Account, Amount: ask.Amount, Currency: ask.Currency, At: now}
	if err := payoutRows.Put(tx, ask.Key, row); err != nil {
		return ask, pay.Reaction{}, fmt.Errorf("pay out: %w", err)
	}
	return ask, pay.Reaction{Publications: []pay.Publication{published}}, nil
}

// checkPayout returns the *pay.Error for a payout that could never be, or nil.
func (r *Registry) checkPayout(ask pay.PaidOut) error {
	if ask.Currency != r.currency {
		return pay.NewCase(pay.CodeCurrency, "topup_currency", fmt.Sprintf("pay out: this registry deals in %s, not in %s", r.currency, ask.Currency), r.currency)
	}
	if err := ask.Amount.CheckPayable(); err != nil {
		return pay.WrapCase(err, pay.CodeAmount, "topup_amount", "pay out")
	}
	if err := ask.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeUsage, "payout_form", "pay out")
	}
	return nil
}

// FindAccount returns a node whose account a selector means, for a wallet's or a
// merchant's: by scope, node id, name or merchant's name, or the beginning of an id or
// scope. A node that was revoked still has its account. None is a *pay.Error with
// pay.CodeNotFound, several accounts one with pay.CodeConflict. Any other error is that
// of Members.
func (r *Registry) FindAccount(view pay.Rows, role pay.Role, selector string) (pay.NodeStatus, error) {
	var exact, found accounts
	err := r.Members(view, func(s pay.NodeStatus) error {
		switch {
		case s.Role != role:
		case namesExactly(s, selector):
			exact.add(s)
		case string(s.Name) == selector || string(s.MerchantName) == selector || startsID(s, selector):
			found.add(s)
		}
		return nil
	})
	if len(exact) > 0 {
		found = exact
	}
	return onlyNode(found, selector, err)
}

// accounts has one node for each account.
type accounts []pay.NodeStatus

// add takes a node in. Of several nodes with one account, one that works names it.
func (a *accounts) add(s pay.NodeStatus) {
	for i := range *a {
		if old := &(*a)[i]; old.Scope == s.Scope {
			if old.Revoked && !s.Revoked {
				*old = s
			}
			return
		}
	}
	*a = append(*a, s)
}

// inspectPayouts counts the money that was paid out and holds each payout against the
// row of its key.
func inspectPayouts(a *auditor) inspection {
	seen := 0
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{pay.KindPaidOut: reading(func(f pay.Fact, p pay.PaidOut) error {
			seen++
			a.tally.PayOut(p.Account, p.Amount, p.Currency)
			row, ok, err := payoutRows.Get(a.rows, p.Key)
			if err == nil && (!ok || row != payoutRow{Fact: f.ID(), Account: p.Account, Amount: p.Amount, Currency: p.Currency, At: p.At}) {
				a.report("payout %s is not what its key stands for", f.ID())
			}
			return err
		})},
		passes: []func(context.Context) error{func(context.Context) error {
			n, err := payoutRows.Count(a.rows)
			if err == nil && n != seen {
				a.report("%d keys of payouts are kept, the facts say %d", n, seen)
			}
			return err
		}},
	}
}
