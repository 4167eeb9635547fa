package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	kills      = 12
	unfinished = 8 // charges under way at a time: a dead wallet is not to be flooded
)

// TestChargesSurviveRandomKills kills registry, box and wallet at random moments
// in a stream of charges and starts them again. Whatever a charge answered is
// known ever after under the same id; once nobody is killed any more all are
// paid, each once, and box, wallet, books and receipts agree to the last cent.
func TestChargesSurviveRandomKills(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := seedOf(t)
	cashier := &cashier{w: w, stop: make(chan struct{}), random: rand.New(rand.NewPCG(random.Uint64(), 1)), ids: map[pay.IdempotencyKey]string{}, amounts: map[pay.IdempotencyKey]pay.Amount{}}
	killed, killer := map[string]int{}, rand.New(rand.NewPCG(random.Uint64(), 2))
	var both errgroup.Group
	both.Go(func() error {
		defer close(cashier.stop)
		for range kills {
			victim := []string{"reg", "box", "ada"}[killer.IntN(3)]
			killed[victim]++
			if err := w.killAfterSome(cashier, victim, killer); err != nil {
				return err
			}
		}
		return nil
	})
	both.Go(cashier.run)
	w.must(both.Wait())
	for _, name := range []string{"reg", "box", "ada"} {
		_, err := w.Ready(name)
		w.must(err)
	}

	var captured pay.Amount
	for key, id := range cashier.ids {
		p := w.final(id)
		if p.ID != id || p.Key != key || p.Outcome != pay.OutcomePaid || p.Amount != cashier.amounts[key] || p.AmountCaptured != p.Amount {
			t.Errorf("the charge under %s was %s, for %d; it is %+v", key, id, cashier.amounts[key], p)
		}
		captured += p.AmountCaptured
		w.sameReceipt(id)
	}
	if a := w.audit(); a.Payments != len(cashier.ids) {
		t.Errorf("audit counts %d payments of %d keys", a.Payments, len(cashier.ids))
	}
	var status api.WalletStatus
	w.must(w.query("ada", "status", api.Nothing{}, &status))
	const had = 50_000_00
	money := w.money()
	if money["Corner Cafe"] != captured || money["ada"] != had-captured || status.Balance != had-captured || status.Pending != 0 {
		t.Errorf("captured %d; accounts %v; ada's own balance %d with %d offers pending", captured, money, status.Balance, status.Pending)
	}
	t.Logf("%d charges of %d in all, asked for %d times; killed %v", len(cashier.ids), captured, cashier.asked, killed)
}

// sameReceipt requires that box and wallet hold the same bytes for a payment.
func (w *world) sameReceipt(id string) {
	w.t.Helper()
	var till, wallet api.ReceiptFile
	w.must(w.Until("the wallet has the receipt of "+id[:10], func() (bool, error) {
		err := w.query("ada", "receipt", api.PaymentRef{ID: id}, &wallet)
		var e *pay.Error
		return err == nil, nilIf(errors.As(err, &e) && (e.Code == pay.CodeNotFound || e.Code == pay.CodeConflict), err)
	}))
	w.must(w.query("box", "receipt", api.PaymentRef{ID: id}, &till))
	if !bytes.Equal(till.Receipt, wallet.Receipt) {
		w.t.Errorf("payment %s: receipts differ", id)
	}
	r, err := pay.OpenReceipt(till.Receipt)
	if err != nil || r.Decision.Payment.String() != id || r.Decision.State != pay.StateCaptured {
		w.t.Errorf("payment %s: its receipt says %+v (%v)", id, r.Decision, err)
	}
}

func nilIf(yes bool, err error) error {
	if yes {
		return nil
	}
	return err
}

// killAfterSome lets some charges be answered, kills a process in the middle of
// the next and starts it again.
func (w *world) killAfterSome(c *cashier, victim string, random *rand.Rand) error {
	enough := c.answered.Load() + 1 + random.Int64N(4)
	if err := w.Until("charges are answered", func() (bool, error) { return c.answered.Load() >= enough, nil }); err != nil {
		return err
	}
	// Questions pass the time in which the victim goes on with its work.
	for range random.IntN(100) {
		_ = w.query(victim, "ready", api.Nothing{}, nil)
	}
	w.Kill(victim)
	return w.Again(victim, nil)
}

// cashier charges under one key after the other until stop is closed, and
// repeats an earlier charge after each.
type cashier struct {
	w        *world
	random   *rand.Rand
	stop     chan struct{}
	keys     []pay.IdempotencyKey
	ids      map[pay.IdempotencyKey]string
	amounts  map[pay.IdempotencyKey]pay.Amount
	asked    int
	answered atomic.Int64
}

func (c *cashier) run() error {
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return nil
		default:
		}
		key := pay.IdempotencyKey(fmt.Sprint("key-", n))
		c.keys, c.amounts[key] = append(c.keys, key), pay.Amount(1+c.random.IntN(500))
		if err := c.ask(key); err != nil {
			return err
		}
		if err := c.ask(c.keys[c.random.IntN(len(c.keys))]); err != nil {
			return err
		}
		if n < unfinished {
			continue
		}
		if err := c.settled(c.keys[n-unfinished]); err != nil {
			return err
		}
	}
}

// ask charges under a key until the box answers, and holds the answer against
// the one that it gave before.
func (c *cashier) ask(key pay.IdempotencyKey) error {
	q := api.ChargeRequest{Amount: formatDecimal(c.amounts[key]), Key: key, TTL: 10 * 60_000}
	return c.w.Until("the box answers to "+string(key), func() (bool, error) {
		c.asked++
		var p api.Payment
		err := c.w.query("box", "charge", q, &p)
		switch code := pay.CodeOf(err); {
		case errors.Is(err, api.ErrNoDaemon), errors.Is(err, api.ErrDaemonLost), code == pay.CodeNobodyNear, code == pay.CodeAmbiguous:
			return false, nil
		case err != nil:
			return false, fmt.Errorf("charge under %s: %w", key, err)
		}
		if had, ok := c.ids[key]; ok && had != p.ID {
			return false, fmt.Errorf("%s was payment %s and is payment %s", key, had, p.ID)
		}
		c.ids[key] = p.ID
		c.answered.Add(1)
		return true, nil
	})
}

// settled waits for the last word on an earlier charge, whatever dies meanwhile.
func (c *cashier) settled(key pay.IdempotencyKey) error {
	return c.w.Until(string(key)+" is settled", func() (bool, error) {
		var p api.Payment
		err := c.w.query("box", "show", api.PaymentRef{Key: key}, &p)
		if err == nil && p.ID != c.ids[key] {
			return false, fmt.Errorf("%s was payment %s and is payment %s", key, c.ids[key], p.ID)
		}
		if code := pay.CodeOf(err); code == pay.CodeNotFound {
			return false, fmt.Errorf("%s was forgotten: %w", key, err)
		}
		return p.State.Final(), nil
	})
}

func formatDecimal(a pay.Amount) string { return fmt.Sprintf("%d.%02d", a/100, a%100) }

// TestIdleWalletComesBack kills the registry under a wallet that has nothing to
// say and starts it again: the wallet connects by itself and is there for the
// next offer.
func TestIdleWalletComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.payHonestly("before")
	w.Stop("box")
	w.Kill("reg")
	w.must(w.Again("reg", nil))
	w.must(w.Until("ada is connected to the new registry", func() (bool, error) {
		var list api.List[api.Node]
		if err := w.query("reg", "nodes", api.Nothing{}, &list); err != nil {
			return false, nil // it is starting
		}
		return slices.ContainsFunc(list.Items, func(n api.Node) bool { return n.Name == "ada" && n.Connected }), nil
	}))
	w.must(w.Again("box", nil))
	_, err := w.Ready("box")
	w.must(err)
	w.payHonestly("after")
}
