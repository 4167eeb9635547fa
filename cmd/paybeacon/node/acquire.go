package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
)

// AtBeforeCall and AtAfterCall are the crash points of a registry before it calls an
// acquirer, and when it has the answer.
const (
	AtBeforeCall = "acquirer.before-call"
	AtAfterCall  = "acquirer.after-call"
)

// agreeMin is how often in a row an acquirer that has contradicted itself must give the
// same answer before it is believed. Chosen: once more than it takes to notice.
const agreeMin = 3

// caller makes the calls of a registry to acquirers. What it remembers is only how often it
// has made them: what was answered stands in the store.
type caller struct {
	store     *store.Store
	role      *registry.Registry
	providers providers
	seams     process.Seams
	warn      func(text string, args ...any)
	calls     *oneCall // of a payment, one is under way at a time, or it is settled

	mu    sync.Mutex
	tries map[acquirer.Key]tries
	old   uint64 // up to this number, effects may have been carried out by a process before
}

// tries is what a caller has made of one call so far.
type tries struct {
	made   int // how often it was made
	agreed int // how often in a row the answer was last
	last   acquirer.Answer
}

// recall notes which calls a process before may have made.
func (c *caller) recall(ctx context.Context) error {
	return c.store.View(ctx, func(v *store.View) error {
		return v.Effects(0, func(n uint64, _ pay.Effect) error {
			c.old = n
			return nil
		})
	})
}

// do makes one call and returns the answer, as a store.Doer. A call that may have been made
// before is looked up, too: an acquirer that says one thing and holds another is not
// believed before it has said the same several times in a row.
func (c *caller) do(ctx context.Context, n uint64, e pay.Effect) ([]byte, error) {
	call, err := registry.CallOf(e)
	if err != nil {
		return nil, err
	}
	p, called := c.providers[call.Acquirer]
	if !called {
		return nil, notCalled(call.Acquirer)
	}
	defer c.calls.begin(call.Call.Payment)()
	var token pay.Token
	var doubted, settled bool
	err = c.store.View(ctx, func(v *store.View) error {
		if token, err = registry.Token(v, call.Means); err == nil {
			doubted, err = c.role.Contradicted(v, call)
		}
		if err == nil {
			_, settled, err = c.role.Settlement(v, call)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if settled {
		return c.look(ctx, p, call, token)
	}
	ctx, cancel := context.WithTimeout(ctx, pay.AcquirerTimeout.Std())
	defer cancel()
	made := c.begin(call.Call.Key)
	c.seams.Pass(AtBeforeCall)
	a, err := ask(ctx, p, call.Call, token, made > 1 || n <= c.old || doubted)
	c.seams.Pass(AtAfterCall)
	if err == nil {
		doubted, err = c.agree(call.Call, a, doubted)
	}
	switch {
	case errors.Is(err, acquirer.ErrContradicts), errors.Is(err, acquirer.ErrKeyUsed):
		return nil, c.doubt(call, err)
	case err != nil:
		return nil, err
	case doubted:
		return nil, fmt.Errorf("%s has contradicted itself and is asked again: %w", call.Acquirer, acquirer.ErrNoAnswer)
	}
	c.forget(call.Call.Key)
	return pay.Encode(a), nil
}

// ask makes a call; with look it compares the answer with what the acquirer holds.
func ask(ctx context.Context, p provider, call acquirer.Call, token pay.Token, look bool) (acquirer.Answer, error) {
	a, err := p.Do(ctx, call, token)
	if err == nil {
		err = a.Check(call)
	}
	if err != nil || !look {
		return a, err
	}
	held, err := p.Look(ctx, call, token)
	switch {
	case errors.Is(err, acquirer.ErrNothing) && !a.Approved:
		return a, nil // what was declined may leave nothing behind
	case errors.Is(err, acquirer.ErrNothing):
		return a, fmt.Errorf("it says %s and holds nothing of it: %w", a, acquirer.ErrContradicts)
	case err != nil:
		return a, err
	default:
		return a, acquirer.Agree(held, a)
	}
}

// begin counts that a call is made.
func (c *caller) begin(k acquirer.Key) (made int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tries[k]
	t.made++
	c.tries[k] = t
	return t.made
}

// agree compares an answer with the one before, where this process has heard one; wait is
// true while an acquirer that was doubted has to say the same again.
func (c *caller) agree(call acquirer.Call, a acquirer.Answer, doubted bool) (wait bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tries[call.Key]
	before := t.last
	if before == a {
		t.agreed++
	} else {
		t.last, t.agreed = a, 1
	}
	c.tries[call.Key] = t
	if before != (acquirer.Answer{}) && before != a {
		return true, acquirer.Agree(before, a)
	}
	return doubted && t.agreed < agreeMin, nil
}

// forget drops what is remembered of a call that is answered.
func (c *caller) forget(k acquirer.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tries, k)
}

// doubt states that an acquirer contradicted itself, which is reported once, and returns
// the error with which the call is made again.
func (c *caller) doubt(call registry.AcquirerCall, why error) error {
	c.mu.Lock()
	t := c.tries[call.Call.Key]
	t.agreed = 0
	c.tries[call.Call.Key] = t
	c.mu.Unlock()
	first, err := commit(context.Background(), c.store, func(tx *store.Tx) (bool, pay.Reaction, error) {
		return c.role.Contradict(tx, tx.Now(), call, clip(why.Error()))
	})
	if first && err == nil {
		c.warn("an acquirer gave one call two answers: it is asked again until it agrees with itself",
			"acquirer", call.Acquirer, "payment", call.Call.Payment.Short(), "verb", call.Call.Verb, "err", why)
	}
	return cmp.Or(err, why)
}

// clip bounds what is kept of an error.
func clip(s string) string { return s[:min(len(s), pay.TextBytesMax)] }

// pingWait is how long an acquirer may take to say that it is there. Chosen: a person waits
// for the doctor.
const pingWait = 5 * time.Second

// Providers say whether the acquirers that the registry calls answer, and which calls wait
// for one. Its error is the store's.
func (n *Registry) Providers(ctx context.Context) (list []api.Provider, err error) {
	byName := map[pay.Acquirer]*api.Provider{}
	for name, p := range n.providers {
		byName[name] = &api.Provider{Acquirer: name, Test: p.test, Error: pingError(ctx, p)}
	}
	of := func(name pay.Acquirer) *api.Provider {
		if byName[name] == nil {
			byName[name] = &api.Provider{Acquirer: name, Error: notCalled(name).Error(), NotCalled: true}
		}
		return byName[name]
	}
	err = n.store.View(ctx, func(v *store.View) error {
		err := v.Effects(0, func(_ uint64, e pay.Effect) error {
			if call, err := registry.CallOf(e); err == nil {
				err = n.waitsFor(v, of(call.Acquirer), call)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		return n.role.Contradictions(v, func(c pay.Contradiction) error {
			p := of(c.Acquirer)
			if p.ContradictionCount++; len(p.Contradictions) < contradictionsShown {
				p.Contradictions = append(p.Contradictions, c.Payment.String())
			}
			return nil
		})
	})
	for _, p := range byName {
		list = append(list, *p)
	}
	slices.SortFunc(list, func(a, b api.Provider) int { return cmp.Compare(a.Acquirer, b.Acquirer) })
	return list, err
}

// contradictionsShown bounds the payments that are named one by one. Chosen: a person reads
// no more.
const contradictionsShown = 3

func pingError(ctx context.Context, p provider) string {
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	if err := p.Ping(ctx); err != nil {
		return err.Error()
	}
	return ""
}
