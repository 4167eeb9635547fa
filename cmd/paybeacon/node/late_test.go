package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// upgraded is the role of a wallet that begins as one of before, which knew no payouts and
// no moves.
type upgraded struct {
	*wallet.Wallet
	now bool
}

func (u *upgraded) React(tx pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	if e, ok := in.(pay.EntryMirrored); ok && !u.now && (e.Fact.Kind() == pay.KindPaidOut || e.Fact.Kind() == pay.KindMoved) {
		return pay.Reaction{}, nil
	}
	return u.Wallet.React(tx, now, in)
}

// TestLateKinds: what a wallet's program did not know when it came is taken in once by one
// that knows it, whether or not the process dies on the way.
func TestLateKinds(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	own, err := pay.NewKey(rand.Reader)
	must(err)
	working, err := pay.NewKey(rand.Reader)
	must(err)
	role, err := wallet.New(wallet.Options{Key: own, Scope: "w/ann", Root: working.ID()})
	must(err)
	u := &upgraded{Wallet: role}
	s, err := store.Open(t.Context(), store.Options{Engine: kv.NewMemory(), Own: "w/ann", Reactor: u, Random: rand.Reader})
	must(err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() { stop(); must(<-ended) })

	at := s.Now()
	var facts []pay.Fact
	deliver := func(b pay.Body) {
		f, err := pay.Sign(working, b)
		must(err)
		facts = append(facts, f)
	}
	deliver(pay.TopUp{Wallet: "w/ann", Amount: 1_000_000, Currency: "EUR", Key: "first", At: at})
	entries := lateAtOnce + 40
	for i := range entries {
		deliver(pay.PaidOut{Account: "w/ann", Amount: 10, Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint("k", i)), At: at})
	}
	deliver(pay.Moved{From: "w/old", To: "w/ann", Amount: 7, Currency: "EUR", Key: "m", At: at + 1})
	_, err = s.Journal().Mirror(t.Context(), pay.Cursor{Epoch: pay.Epoch{1}}, facts, pay.Acked{})
	must(err)
	shows := func(want pay.Amount, statements int) {
		t.Helper()
		must(s.View(t.Context(), func(v *store.View) error {
			have, err := role.Balance(v, "EUR")
			n := 0
			err = errors.Join(err, history.Statements(v, "w/ann", func(history.Statement) bool { n++; return true }))
			if have != want || n != statements {
				t.Errorf("the wallet has %d and %d statements, want %d and %d", have, n, want, statements)
			}
			return err
		}))
	}
	shows(1_000_000, 1)

	u.now = true
	died := errors.New("crash")
	for range 2 { // after the first part, each time
		func() {
			defer func() {
				if r := recover(); r != died {
					t.Errorf("died of %v", r)
				}
			}()
			must(takeInLate(t.Context(), s, "w/ann", role, process.Seams{At: func(string) { panic(died) }}))
		}()
	}
	for range 2 {
		must(takeInLate(t.Context(), s, "w/ann", role, process.Seams{}))
		shows(1_000_000-10*pay.Amount(entries)+7, entries+2)
	}
	must(takeInLate(t.Context(), s, "w/ann", role, process.Seams{At: func(string) { t.Error("it was taken in before") }}))
}
