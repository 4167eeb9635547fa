package wallet_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// conserved returns nil when the wallet shows what its papers add up to, for each
// currency: what came in and left beside payments, less what its receipts say was captured
// and not refunded.
func (w *world) conserved() error {
	want, held := map[pay.Currency]pay.Amount{}, map[pay.Currency]pay.Amount{}
	for _, f := range w.facts {
		if t, err := pay.As[pay.TopUp](f); err == nil && t.Wallet == scope {
			want[t.Currency] += t.Amount
		}
		if p, err := pay.As[pay.PaidOut](f); err == nil && p.Account == scope {
			want[p.Currency] -= p.Amount
		}
		if m, err := pay.As[pay.Moved](f); err == nil && m.From == scope {
			want[m.Currency] -= m.Amount
		} else if err == nil && m.To == scope {
			want[m.Currency] += m.Amount
		}
	}
	page, more := history.Page{Limit: pay.ListMax}, true
	for more {
		list, next, err := w.wallet.Receipts(w.rows, w.now, page)
		if err != nil {
			return err
		}
		for _, e := range list {
			if s := e.Payment.Sums(); e.Acquirer == pay.AcquirerNone {
				want[e.Currency] += s.Refunded - s.Captured
				held[e.Currency] += s.Held
			}
			page.Before = e.ID.String()
		}
		more = next
	}
	for _, c := range []pay.Currency{"EUR", "JPY", "KRW", "KWD", "USD"} {
		has, err := w.wallet.Balance(w.rows, c)
		if err != nil {
			return err
		}
		holds, err := w.wallet.Held(w.rows, c)
		if err != nil {
			return err
		}
		if holds != held[c] {
			return fmt.Errorf("the wallet shows %d %s held, its receipts say %d", holds, c, held[c])
		}
		if has != want[c] {
			return fmt.Errorf("the wallet shows %d %s, its papers add up to %d", has, c, want[c])
		}
	}
	return nil
}

// conservedAtEnd fails a test at its end unless money is conserved by then.
func (w *world) conservedAtEnd() {
	w.Cleanup(func() {
		if w.broken != "" || w.Failed() {
			return
		}
		if err := w.conserved(); err != nil {
			w.Error(err)
		}
	})
}

// TestABentBalanceIsNoticed: what every test here asserts at its end fails when the
// balance is another one than the receipts say.
func TestABentBalanceIsNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	w.deliver(sign(t, w.working, pay.TopUp{Wallet: scope, Amount: 500, Currency: "EUR", Key: "t", At: start}))
	if err := w.conserved(); err != nil {
		t.Fatal(err)
	}
	if err := w.Put([]byte("bEUR"), binary.BigEndian.AppendUint64(nil, 501)); err != nil {
		t.Fatal(err)
	}
	if w.broken = "on purpose"; w.conserved() == nil {
		t.Error("a balance of 501 after a top-up of 500 is not noticed")
	}
}
