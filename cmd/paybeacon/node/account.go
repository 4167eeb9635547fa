package node

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/store"
)

// payOut takes money out of an account.
func (n *Registry) payOut(ctx context.Context, q api.PayOutRequest) (api.PaidOut, error) {
	role, selector := pay.RoleWallet, q.Wallet
	if q.Merchant != "" {
		role, selector = pay.RoleBox, q.Merchant
	}
	if (q.Wallet == "") == (q.Merchant == "") {
		return api.PaidOut{}, pay.NewError(pay.CodeUsage, "pay out: name either a wallet or a merchant", "give one of --wallet and --merchant")
	}
	cur := n.role.Currency()
	amount, err := text.ParseAmount(q.Amount, cur)
	if err != nil {
		return api.PaidOut{}, err
	}
	out := api.PaidOut{V: 1, Type: "payout"}
	done, err := commit(ctx, n.store, func(tx *store.Tx) (pay.PaidOut, pay.Reaction, error) {
		found, err := n.role.FindAccount(tx, role, selector)
		if err != nil {
			return pay.PaidOut{}, pay.Reaction{}, err
		}
		out.Kind, out.Name = accountKind(string(found.Scope)), accountName(found)
		return n.role.PayOut(tx, tx.Now(), pay.PaidOut{Account: found.Scope, Amount: amount, Currency: cur, Key: q.Key})
	})
	out.Account, out.Amount, out.Currency, out.Key, out.At = done.Account, done.Amount, done.Currency, string(done.Key), done.At.String()
	return out, err
}

// accountName returns what people call an account that a node belongs to.
func accountName(s pay.NodeStatus) pay.Name {
	if s.Role == pay.RoleBox {
		return s.MerchantName
	}
	return s.Name
}

// moveBalance moves what one wallet can spend to another.
func (n *Registry) moveBalance(ctx context.Context, q api.MoveBalanceRequest) (api.Moved, error) {
	var from pay.NodeStatus
	done, err := commit(ctx, n.store, func(tx *store.Tx) (m pay.Moved, out pay.Reaction, err error) {
		if from, err = n.role.FindAccount(tx, pay.RoleWallet, q.From); err != nil {
			return m, out, err
		}
		to, err := n.role.FindAccount(tx, pay.RoleWallet, q.To)
		if err != nil {
			return m, out, err
		}
		return n.role.Move(tx, tx.Now(), pay.Moved{From: from.Scope, To: to.Scope, Key: q.Key})
	})
	if err != nil {
		return api.Moved{}, err
	}
	m := api.Moved{
		V: 1, Type: "move", From: done.From, To: done.To, Amount: done.Amount, Held: done.Held, Currency: done.Currency,
		Key: string(done.Key), At: done.At.String(),
	}
	if !from.Revoked {
		m.Warnings = append(m.Warnings, api.NewWarning(api.WarnNotRevoked,
			fmt.Sprintf("wallet %s (%s) still works: its devices are charged, and refunds reach it", text.Printable(string(from.Name)), from.Scope),
			"if it is lost, end it: paybeacon admin revoke --node "+from.Node.ID().Short()))
	}
	return m, nil
}

// statementsShown bounds the statements that a status lists. Chosen: what stays below
// the rest of it on a screen.
const statementsShown = 5

// lastStatements returns the newest statements on the account of a node's scope.
func lastStatements(v *store.View, scope pay.Scope) ([]api.Statement, error) {
	list := []api.Statement{}
	err := history.Statements(v, scope, func(s history.Statement) bool {
		list = append(list, statementObject(s))
		return len(list) < statementsShown
	})
	return list, err
}

func statementObject(s history.Statement) api.Statement {
	out := api.Statement{Amount: max(s.In, -s.In), Currency: s.Currency, Held: s.Held, Wallet: s.Other, At: s.At.String()}
	switch {
	case s.Kind == pay.KindTopUp:
		out.Kind = api.StatementTopUp
	case s.Kind == pay.KindPaidOut:
		out.Kind = api.StatementPayout
	case s.In > 0:
		out.Kind = api.StatementMovedHere
	default:
		out.Kind = api.StatementMovedAway
	}
	return out
}
