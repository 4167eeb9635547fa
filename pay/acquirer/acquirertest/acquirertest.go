// Package acquirertest is the contract of package acquirer as tests. Every acquirer runs
// it, and one that passes can be wired to a registry.
//
// The suite needs both sides of an acquirer: the client that the registry uses, and the
// provider behind it, which can be made to lose an answer or to fall silent, and whose
// own books say what moved. What counts is what those say: a client that answers well
// and has the money moved twice fails.
package acquirertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// World is a provider with nothing in its books, and a client of it.
type World struct {
	Acquirer acquirer.Acquirer
	// Token pays.
	Token pay.Token
	// Declined is a token, and an amount, with which Authorise is declined for Reason.
	Declined struct {
		Token  pay.Token
		Amount pay.Amount
		Reason pay.Reason
	}
	// Restart ends the client and returns a new one; the provider remembers.
	Restart func(t *testing.T) acquirer.Acquirer
	// Lose has the provider act on the next call of Do, and its answer lost.
	Lose func()
	// Silent has the provider answer nothing, and do nothing, while it is true.
	Silent func(bool)
	// Moved is what the provider's own books say of a payment.
	Moved func(pay.PaymentID) Moved
}

// Moved is what a provider's books say of one payment.
type Moved struct {
	Authorisations           int // approved ones
	Held, Captured, Refunded pay.Amount
}

// Run tests the worlds that open returns, each of them new and independent of the
// others. The tests run in parallel.
func Run(t *testing.T, open func(t *testing.T) World) {
	t.Helper()
	for _, group := range [][]contract{payments(), repeats(), silence()} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				w := open(t)
				c.run(&world{World: w, T: t, ctx: t.Context()})
			})
		}
	}
}

// contract is one promise of package acquirer and the test of it.
type contract struct {
	name string
	run  func(w *world)
}

// world is a World under test.
type world struct {
	World
	*testing.T
	ctx    context.Context
	claims int
}

// payment is the payment that all calls of a test are about.
var payment = pay.PaymentID(sha256.Sum256([]byte("acquirertest")))

// call returns a call under a key of its own.
func (w *world) call(v acquirer.Verb, amount pay.Amount, of acquirer.Reference) acquirer.Call {
	w.claims++
	claim := pay.FactID(sha256.Sum256(fmt.Append(nil, "claim", w.claims)))
	return acquirer.Call{
		Verb: v, Key: acquirer.KeyOf(payment, claim, v), Payment: payment, Amount: amount, Currency: "EUR", Of: of,
		Asked: 1_795_000_000_000,
	}
}

// do makes a call that must be answered.
func (w *world) do(c acquirer.Call) acquirer.Answer {
	w.Helper()
	a, err := w.Acquirer.Do(w.ctx, c, w.Token)
	if err == nil {
		err = a.Check(c)
	}
	if err != nil {
		w.Fatalf("%s %d: %v", c.Verb, c.Amount, err)
	}
	return a
}

// approve makes a call that must be approved.
func (w *world) approve(c acquirer.Call) acquirer.Answer {
	w.Helper()
	a := w.do(c)
	if !a.Approved {
		w.Fatalf("%s %d was %s", c.Verb, c.Amount, a)
	}
	return a
}

// refuse makes a call that must be declined.
func (w *world) refuse(c acquirer.Call) {
	w.Helper()
	if a := w.do(c); a.Approved {
		w.Fatalf("%s %d was %s", c.Verb, c.Amount, a)
	}
}

// authorise returns an authorisation of 1200.
func (w *world) authorise() acquirer.Reference {
	w.Helper()
	return w.approve(w.call(acquirer.Authorise, 1200, "")).Reference
}

// want fails unless the provider's books say this of the payment.
func (w *world) want(m Moved) {
	w.Helper()
	if got := w.Moved(payment); got != m {
		w.Fatalf("the provider's books say %+v, want %+v", got, m)
	}
}

func payments() []contract {
	return []contract{
		{"an authorisation holds and pays nothing", func(w *world) {
			w.authorise()
			w.want(Moved{Authorisations: 1, Held: 1200})
		}},
		{"a capture pays what was held", func(w *world) {
			w.approve(w.call(acquirer.Capture, 1200, w.authorise()))
			w.want(Moved{Authorisations: 1, Captured: 1200})
		}},
		{"a capture in part releases the rest", func(w *world) {
			auth := w.authorise()
			w.approve(w.call(acquirer.Capture, 700, auth))
			w.want(Moved{Authorisations: 1, Captured: 700})
			w.refuse(w.call(acquirer.Capture, 500, auth))
			w.want(Moved{Authorisations: 1, Captured: 700})
		}},
		{"a capture above what is held is declined", func(w *world) {
			auth := w.authorise()
			w.refuse(w.call(acquirer.Capture, 1300, auth))
			w.want(Moved{Authorisations: 1, Held: 1200})
			w.approve(w.call(acquirer.Capture, 1200, auth))
		}},
		{"a void releases all and ends it", func(w *world) {
			auth := w.authorise()
			w.approve(w.call(acquirer.Void, 1200, auth))
			w.want(Moved{Authorisations: 1})
			w.refuse(w.call(acquirer.Capture, 1200, auth))
			w.approve(w.call(acquirer.Void, 1200, auth)) // it is as it was asked to be
			w.want(Moved{Authorisations: 1})
		}},
		{"a void after a capture is declined", func(w *world) {
			auth := w.authorise()
			w.approve(w.call(acquirer.Capture, 1200, auth))
			w.refuse(w.call(acquirer.Void, 1200, auth))
			w.want(Moved{Authorisations: 1, Captured: 1200})
		}},
		{"refunds in parts never exceed what was captured", func(w *world) {
			auth := w.authorise()
			w.refuse(w.call(acquirer.Refund, 100, auth))
			w.approve(w.call(acquirer.Capture, 1000, auth))
			w.approve(w.call(acquirer.Refund, 400, auth))
			w.refuse(w.call(acquirer.Refund, 700, auth))
			w.want(Moved{Authorisations: 1, Captured: 1000, Refunded: 400})
			w.approve(w.call(acquirer.Refund, 600, auth))
			w.refuse(w.call(acquirer.Refund, 100, auth))
			w.want(Moved{Authorisations: 1, Captured: 1000, Refunded: 1000})
		}},
		{"a decline is an answer with a reason", declines},
		{"an authorisation that there is not is declined", func(w *world) {
			for _, v := range []acquirer.Verb{acquirer.Capture, acquirer.Void, acquirer.Refund} {
				w.refuse(w.call(v, 1200, "pi_none"))
			}
			w.want(Moved{})
		}},
		{"currencies of every number of digits", currencies},
		{"an acquirer that works answers a ping", func(w *world) {
			if err := w.Acquirer.Ping(w.ctx); err != nil {
				w.Fatal(err)
			}
		}},
	}
}

func declines(w *world) {
	c := w.call(acquirer.Authorise, w.Declined.Amount, "")
	for range 2 {
		a, err := w.Acquirer.Do(w.ctx, c, w.Declined.Token)
		if err == nil {
			err = a.Check(c)
		}
		if want := (acquirer.Answer{Reason: w.Declined.Reason}); err != nil || a != want {
			w.Fatalf("%s (%v), want %s", a, err, want)
		}
	}
	w.want(Moved{})
}

func currencies(w *world) {
	var all Moved
	for _, cur := range []pay.Currency{"JPY", "KRW", "KWD", "EUR"} {
		c := w.call(acquirer.Authorise, 5000, "")
		c.Currency = cur
		auth := w.approve(c).Reference
		c = w.call(acquirer.Capture, 3000, auth)
		c.Currency = cur
		w.approve(c)
		all.Authorisations, all.Captured = all.Authorisations+1, all.Captured+3000
		w.want(all)
	}
}

func repeats() []contract {
	return []contract{
		{"the same call again moves nothing more", repeated},
		{"the same call from many at once moves once", concurrent},
		{"a key used for another call moves nothing", func(w *world) {
			c := w.call(acquirer.Authorise, 1200, "")
			w.approve(c)
			c.Amount = 1300
			if a, err := w.Acquirer.Do(w.ctx, c, w.Token); !errors.Is(err, acquirer.ErrKeyUsed) {
				w.Fatalf("%s, %v", a, err)
			}
			w.want(Moved{Authorisations: 1, Held: 1200})
		}},
		{"a client that starts anew finds what was done", func(w *world) {
			c := w.call(acquirer.Authorise, 1200, "")
			first := w.approve(c)
			w.Acquirer = w.Restart(w.T)
			if again := w.approve(c); again != first {
				w.Fatalf("%s, then %s", first, again)
			}
			w.approve(w.call(acquirer.Capture, 1200, first.Reference))
			w.want(Moved{Authorisations: 1, Captured: 1200})
		}},
	}
}

// life is one call of each verb, each of which is approved. It calls each with what the
// one before has brought about.
func (w *world) life(each func(acquirer.Call) acquirer.Answer) {
	auth := each(w.call(acquirer.Authorise, 1200, "")).Reference
	each(w.call(acquirer.Capture, 1000, auth))
	each(w.call(acquirer.Refund, 400, auth))
	w.want(Moved{Authorisations: 1, Captured: 1000, Refunded: 400})
	other := each(w.call(acquirer.Authorise, 300, "")).Reference
	each(w.call(acquirer.Void, 300, other))
	w.want(Moved{Authorisations: 2, Captured: 1000, Refunded: 400})
}

func repeated(w *world) {
	w.life(func(c acquirer.Call) acquirer.Answer {
		first := w.approve(c)
		for range 3 {
			if again := w.approve(c); again != first {
				w.Fatalf("%s: %s, then %s", c.Verb, first, again)
			}
		}
		return first
	})
}

func concurrent(w *world) {
	w.life(func(c acquirer.Call) acquirer.Answer {
		var all sync.WaitGroup
		answers, errs := make([]acquirer.Answer, 8), make([]error, 8)
		for i := range answers {
			all.Go(func() { answers[i], errs[i] = w.Acquirer.Do(w.ctx, c, w.Token) })
		}
		all.Wait()
		first := w.approve(c)
		for i, a := range answers {
			if errs[i] != nil && !errors.Is(errs[i], acquirer.ErrNoAnswer) {
				w.Fatalf("%s: %v", c.Verb, errs[i])
			}
			if errs[i] == nil && a != first {
				w.Fatalf("%s: %s beside %s", c.Verb, a, first)
			}
		}
		return first
	})
}

func silence() []contract {
	return []contract{
		{"an answer that was lost is found by asking again", func(w *world) {
			w.life(func(c acquirer.Call) acquirer.Answer {
				w.Lose()
				w.unanswered(c)
				return w.approve(c)
			})
		}},
		{"an answer that was lost is found by looking", func(w *world) {
			w.life(func(c acquirer.Call) acquirer.Answer {
				w.Lose()
				w.unanswered(c)
				a, err := w.Acquirer.Look(w.ctx, c, w.Token)
				if err == nil {
					err = a.Check(c)
				}
				if err != nil || !a.Approved {
					w.Fatalf("%s: %s, %v", c.Verb, a, err)
				}
				return a
			})
		}},
		{"looking does nothing", func(w *world) {
			auth := w.authorise()
			for _, c := range []acquirer.Call{
				w.call(acquirer.Authorise, 1200, ""), w.call(acquirer.Capture, 1200, auth),
				w.call(acquirer.Void, 1200, auth), w.call(acquirer.Refund, 1200, auth),
			} {
				if a, err := w.Acquirer.Look(w.ctx, c, w.Token); !errors.Is(err, acquirer.ErrNothing) {
					w.Fatalf("%s: %s, %v", c.Verb, a, err)
				}
			}
			w.want(Moved{Authorisations: 1, Held: 1200})
		}},
		{"a silent provider is no answer, and does nothing", func(w *world) {
			w.Silent(true)
			c := w.call(acquirer.Authorise, 1200, "")
			w.unanswered(c)
			if _, err := w.Acquirer.Look(w.ctx, c, w.Token); !errors.Is(err, acquirer.ErrNoAnswer) {
				w.Fatalf("look: %v", err)
			}
			if err := w.Acquirer.Ping(w.ctx); !errors.Is(err, acquirer.ErrNoAnswer) {
				w.Fatalf("ping: %v", err)
			}
			w.want(Moved{})
			w.Silent(false)
			w.approve(c)
			w.want(Moved{Authorisations: 1, Held: 1200})
		}},
		{"who gives up waiting has no answer", func(w *world) {
			c := w.call(acquirer.Authorise, 1200, "")
			ctx, cancel := context.WithCancel(w.ctx)
			cancel()
			if _, err := w.Acquirer.Do(ctx, c, w.Token); !errors.Is(err, acquirer.ErrNoAnswer) {
				w.Fatal(err)
			}
			w.approve(c)
			w.want(Moved{Authorisations: 1, Held: 1200})
		}},
	}
}

// unanswered makes a call whose answer does not come, and fails when the error shows the
// token.
func (w *world) unanswered(c acquirer.Call) {
	w.Helper()
	a, err := w.Acquirer.Do(w.ctx, c, w.Token)
	if !errors.Is(err, acquirer.ErrNoAnswer) {
		w.Fatalf("%s: %s, %v", c.Verb, a, err)
	}
	if strings.Contains(err.Error(), string(w.Token)) {
		w.Fatalf("the error shows the token: %v", err)
	}
}
