package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
)

// AtSettled is the crash point of a registry that has settled a payment and not yet
// cleared what was set aside of it.
const AtSettled = "settle.settled"

// oneCall lets one go on at a time for each payment: a call to an acquirer, or the
// settlement of the payment, after which that call is not made any more.
type oneCall struct {
	mu sync.Mutex
	by map[pay.PaymentID]*turnOf
}

type turnOf struct {
	sync.Mutex
	waiting int
}

// begin waits until nobody else is at the payment; end lets the next one go on.
func (c *oneCall) begin(id pay.PaymentID) (end func()) {
	c.mu.Lock()
	if c.by == nil {
		c.by = map[pay.PaymentID]*turnOf{}
	}
	t := c.by[id]
	if t == nil {
		t = &turnOf{}
		c.by[id] = t
	}
	t.waiting++
	c.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(c.by, id)
		}
	}
}

// settle settles a payment. An acquirer that can be asked is asked once more before: what
// it answers decides, and no word of the operator's.
func (n *Registry) settle(ctx context.Context, q api.SettleRequest) (api.Settled, error) {
	first, last, ok := history.IDs[pay.PaymentID](q.ID)
	if !ok {
		return api.Settled{}, pay.NewError(pay.CodeUsage, "that is not the id of a payment", "`paybeacon doctor` names payments that wait; `paybeacon till list` shows ids")
	}
	id, err := read(ctx, n.store, func(v *store.View) (pay.PaymentID, error) { return n.role.FindPayment(v, first, last) })
	if err != nil {
		return api.Settled{}, err
	}
	defer n.calls.begin(id)()
	if err := n.askOnceMore(ctx, id, q.Outcome); err != nil {
		return api.Settled{}, err
	}
	done, err := commit(ctx, n.store, func(tx *store.Tx) (pay.Settled, pay.Reaction, error) {
		return n.role.Settle(tx, tx.Now(), pay.Settled{Payment: id, Outcome: q.Outcome, Why: q.Why})
	})
	if err != nil {
		return api.Settled{}, err
	}
	n.Seams.Pass(AtSettled)
	if err := n.clearAside(ctx, id.Subject()); err != nil {
		return api.Settled{}, err
	}
	return read(ctx, n.store, func(v *store.View) (api.Settled, error) {
		d, _, err := n.role.LastDecision(v, id)
		p := pay.PaymentAt(pay.FactID{}, d)
		return api.Settled{
			V: 1, Type: "settled", ID: id.String(), State: d.State.Shown(), Outcome: p.Outcome(pay.Local{}), SafeToRetry: p.Outcome(pay.Local{}).SafeToRetry(),
			SettledAs: done.Outcome, By: pay.ByOperator, Reason: done.Why, At: done.At.String(),
		}, err
	})
}

// clearAside tries again what was set aside of a payment that is settled: nothing is left
// to decide about it.
func (n *Registry) clearAside(ctx context.Context, s pay.Subject) error {
	aside, err := read(ctx, n.store, func(v *store.View) (bool, error) { return v.SetAside(s) })
	if err == nil && aside {
		_, err = n.store.Retry(ctx, s)
	}
	return err
}

// askOnceMore returns nil where an acquirer that should have answered is not called by this
// registry, does not answer now either, or has nothing of what is said not to be done.
func (n *Registry) askOnceMore(ctx context.Context, id pay.PaymentID, as pay.SettledAs) error {
	var u registry.Unsettled
	var token pay.Token
	err := n.store.Do(ctx, func(tx *store.Tx) (err error) {
		if u, err = n.role.Unsettled(tx, id); err == nil && u.Call.Acquirer != pay.AcquirerNone {
			token, err = registry.Token(tx, u.Call.Means)
		}
		return err
	})
	p, called := n.providers[u.Call.Acquirer]
	if err != nil || !called {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pay.AcquirerTimeout.Std())
	defer cancel()
	a, err := p.Look(ctx, u.Call.Call, token)
	said := fmt.Sprintf("%s answers that it is %s", u.Call.Acquirer, a)
	switch done := as == pay.SettledPaid || as == pay.SettledRefunded; {
	case done && errors.Is(err, acquirer.ErrNothing):
		said = fmt.Sprintf("%s answers, and has nothing of it", u.Call.Acquirer)
	case err != nil:
		return nil
	}
	return pay.NewError(pay.CodeConflict, fmt.Sprintf("payment %s: %s", id.Short(), said),
		"the registry asks again by itself and decides by that answer; see `paybeacon doctor` if it does not")
}

// look asks what an acquirer has of a call that was settled and is not made any more. The
// result is empty where it has nothing.
func (c *caller) look(ctx context.Context, p provider, call registry.AcquirerCall, token pay.Token) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pay.AcquirerTimeout.Std())
	defer cancel()
	a, err := p.Look(ctx, call.Call, token)
	if errors.Is(err, acquirer.ErrNothing) {
		return []byte{}, nil
	}
	if err == nil {
		err = a.Check(call.Call)
	}
	if err != nil {
		return nil, err
	}
	return pay.Encode(a), nil
}

// waitsFor counts a call among those that payments wait for.
func (n *Registry) waitsFor(v *store.View, p *api.Provider, call registry.AcquirerCall) error {
	waits, err := n.role.Waits(v, call)
	if err != nil || !waits {
		return err
	}
	if p.Waiting++; p.Since == "" {
		p.Since = call.Call.Asked.String()
	}
	if len(p.Payments) < contradictionsShown {
		p.Payments = append(p.Payments, call.Call.Payment.String())
	}
	return nil
}
