package wallet

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// balances are what the wallet shows of its account.
func (w *Wallet) balances() history.Feature {
	return history.Feature{
		Name: "balances",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindTopUp:   history.Mirror(w.toppedUp),
			pay.KindPaidOut: history.Mirror(w.paidOut),
			pay.KindMoved:   history.Mirror(w.balanceMoved),
		},
		Spaces: rows.Spaces{balanceRows.Space, topUpRows.Space},
	}
}

var (
	balanceRows = rows.New("b", "what came in less what was captured and what left",
		rows.Text[pay.Currency]("CURRENCY"), rows.Int64[pay.Amount]("AMOUNT"))
	topUpRows = rows.New("v", "a top-up that is in the balance", rows.ID[pay.FactID]("FACT"), rows.None())
)

// Balance returns what came into the account less what was captured, paid out and moved
// away, as far as this wallet's feed goes. It is for display: the registry's book decides. Its errors
// are the store's.
func (w *Wallet) Balance(view pay.Rows, c pay.Currency) (pay.Amount, error) {
	sum, _, err := balanceRows.Get(view, c)
	return sum, err
}

// toppedUp adds a top-up to the balance, once.
func (w *Wallet) toppedUp(tx pay.WritableRows, f pay.Fact, t pay.TopUp) error {
	if t.Wallet != w.options.Scope {
		return nil
	}
	if seen, err := topUpRows.Has(tx, f.ID()); seen || err != nil {
		return err
	}
	if err := topUpRows.Put(tx, f.ID(), struct{}{}); err != nil {
		return err
	}
	if _, err := history.NoteStatement(tx, f, t.At); err != nil {
		return err
	}
	return addBalance(tx, t.Currency, t.Amount)
}

// paidOut takes a payout off the balance, once.
func (w *Wallet) paidOut(tx pay.WritableRows, f pay.Fact, p pay.PaidOut) error {
	if p.Account != w.options.Scope {
		return nil
	}
	fresh, err := history.NoteStatement(tx, f, p.At)
	if err != nil || !fresh {
		return err
	}
	return addBalance(tx, p.Currency, -p.Amount)
}

// balanceMoved adds what was moved here from another wallet of the owner's, or takes off
// what was moved there, once.
func (w *Wallet) balanceMoved(tx pay.WritableRows, f pay.Fact, m pay.Moved) error {
	by := m.Amount
	switch w.options.Scope {
	case m.From:
		by = -by
	case m.To:
	default:
		return nil
	}
	fresh, err := history.NoteStatement(tx, f, m.At)
	if err != nil || !fresh {
		return err
	}
	return addBalance(tx, m.Currency, by)
}

// addBalance changes a balance. One that would overflow stays as it is, because
// it is only shown and must not stop the feed.
func addBalance(tx pay.WritableRows, c pay.Currency, by pay.Amount) error {
	have, _, err := balanceRows.Get(tx, c)
	if err != nil {
		return err
	}
	sum, err := have.Add(by)
	if errors.Is(err, pay.ErrOverflow) {
		return nil
	}
	if err != nil {
		return err
	}
	return balanceRows.Put(tx, c, sum)
}
