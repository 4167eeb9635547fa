package node

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// addBill lets a merchant charge an amount by the number of a bill.
func (n *Registry) addBill(ctx context.Context, q api.BillRequest) (api.Bill, error) {
	amount, err := text.ParseAmount(q.Amount, n.role.Currency())
	if err != nil {
		return api.Bill{}, err
	}
	out := api.Bill{V: 1, Type: "bill"}
	b, err := commit(ctx, n.store, func(tx *store.Tx) (pay.Bill, pay.Reaction, error) {
		found, err := n.role.FindAccount(tx, pay.RoleBox, q.Merchant)
		if err != nil {
			return pay.Bill{}, pay.Reaction{}, err
		}
		out.Name = found.MerchantName
		return n.role.AddBill(tx, tx.Now(), pay.Bill{Merchant: found.Scope, Number: q.Number, Amount: amount})
	})
	out.Number, out.Merchant, out.Amount, out.Currency, out.At = b.Number, b.Merchant, b.Amount, b.Currency, b.At.String()
	return out, err
}
