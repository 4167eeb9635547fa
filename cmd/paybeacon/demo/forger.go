package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/store"
)

// forger is what a thief makes of a wallet's directory whose daemon he has
// stopped: a program of his own, with the key that he found there, which says
// to the registry what no honest wallet would. It runs inside the demo, and
// talks to the running registry as any wallet does.
type forger struct {
	node  *node.Wallet
	ctx   context.Context
	stop  context.CancelFunc
	parts *errgroup.Group
}

// refusalWait is how long the registry may take to refuse a forgery. Chosen: many
// times what a loaded machine takes.
const refusalWait = 15 * time.Second

func openForger(ctx context.Context, dir string) (*forger, error) {
	env, err := process.EnvOf(datadir.Dir(dir), io.Discard)
	if err != nil {
		return nil, err
	}
	n, err := node.OpenWallet(ctx, node.WalletOptions{Env: env, Approve: "ask"})
	if err != nil {
		return nil, fmt.Errorf("open a stolen wallet: %w", err)
	}
	f := &forger{node: n}
	f.ctx, f.stop = context.WithCancel(ctx)
	f.parts, f.ctx = errgroup.WithContext(f.ctx)
	f.parts.Go(func() error { return n.Store().Run(f.ctx) })
	f.parts.Go(func() error { return n.Connect(f.ctx) })
	if err := n.WaitUp(f.ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach the registry: %w", err), f.close())
	}
	return f, nil
}

func (f *forger) close() error {
	f.stop()
	err := f.parts.Wait()
	f.node.Close()
	return err
}

// approval returns the approval of a payment that this wallet was offered, as
// the wallet would sign it but for the device's code.
func (f *forger) approval(id string) (a pay.Answer, err error) {
	err = f.node.Store().View(f.ctx, func(v *store.View) error {
		rec, err := history.Find(v, id)
		if err != nil {
			return err
		}
		a = approvalOf(rec.Payment.ID, rec.Payment.Decision)
		a.Offer = rec.Payment.LastID
		return nil
	})
	return a, err
}

// approvalOf returns an approval by hand of those terms, of an offer that
// nobody made.
func approvalOf(id pay.PaymentID, terms pay.Decision) pay.Answer {
	return pay.Answer{
		Payment: id, Offer: pay.FactID(id), Merchant: terms.Merchant, Amount: terms.Amount, Currency: terms.Currency,
		Expires: terms.Expires, Verdict: pay.Approve, By: pay.ByHand,
	}
}

// usedCode returns the device's code with which this wallet made a payment. A
// wallet keeps what it has signed, so whoever has the wallet has it too.
func (f *forger) usedCode(id string) (code pay.AuthCode, err error) {
	err = f.node.Store().View(f.ctx, func(v *store.View) error {
		rec, err := history.Find(v, id)
		if err != nil {
			return err
		}
		signed, ok, err := v.Fact(rec.Payment.Decision.Claim)
		if err != nil || !ok {
			return errors.Join(err, fmt.Errorf("payment %s has no answer in this wallet", id))
		}
		a, err := pay.As[pay.Answer](signed)
		code = a.Code
		return err
	})
	if err == nil && code.IsZero() {
		err = fmt.Errorf("payment %s was made without a code", id)
	}
	return code, err
}

// say signs an answer with the wallet's key, sends it past the wallet, and
// returns why the registry refuses it.
func (f *forger) say(a pay.Answer) (why pay.Reason, err error) {
	a.Created = f.node.Store().Now()
	claim, err := pay.Sign(f.node.Key(), a)
	if err != nil {
		return "", fmt.Errorf("forge an answer: %w", err)
	}
	if err := f.node.Store().Do(f.ctx, func(tx *store.Tx) error {
		return tx.Publish(pay.Reaction{Publications: []pay.Publication{{Fact: claim}}})
	}); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(f.ctx, refusalWait)
	defer cancel()
	err = f.node.Watch(ctx, func() (bool, error) {
		err := f.node.Store().View(ctx, func(v *store.View) error {
			return v.Entries(f.node.Scope(), 0, 0, func(_ uint64, entry pay.Fact) error {
				if no, err := pay.As[pay.Refusal](entry); err == nil && no.Claim == claim.ID() {
					why = no.Reason
				}
				return nil
			})
		})
		return why != "", err
	})
	if errors.Is(err, context.DeadlineExceeded) && f.ctx.Err() == nil {
		return "not refused", nil // the check at the end says so too
	}
	return why, err
}
