// Package wallet is the role of a payer's program: from the registry's offer to
// the answer of its owner or of the owner's rule, and from the devices it is
// given to the ones that the registry knows.
//
// # Flow
//
//	feed --offered--> rule covers it? --yes--> answer, in the same transaction
//	                      | no
//	                      v
//	                   pending --Answer--> answer --> outbox ... registry ... feed
//	                                                          |
//	                          receipt <-- captured, declined, expired ...
//
// All of it works on the rows of the wallet's store, inside the transaction of
// whoever calls. The wallet's clock decides nothing: whether an answer came in
// time is for the registry to say.
//
// # Layout
//
// Beside the rows of package history, which begin with 'h':
//
//	b CURRENCY  what was topped up less what was captured
//	c PAYMENT   the challenge for an offer that demands two channels
//	d DEVICE    what the registry and this wallet stated about a device
//	l           above which amount payments need the device
//	n PAYMENT   the answer that this wallet gave last
//	q PAYMENT   an offer that may still be open
//	v FACT      a top-up that is in the balance
//
// # Guarantees
//
// An answer repeats the offer's terms exactly, and an offer is answered at most
// once unless the registry refused the answer. Nothing is approved while the
// feed holds a critical fact that this program does not understand.
package wallet

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Options say whose wallet it is and what it answers by itself.
type Options struct {
	Key   pay.Key
	Scope pay.Scope
	Root  pay.NodeID // of the registry
	Rule  Rule       // the zero Rule asks
}

// Wallet is the role of one wallet. It holds no state but its options and may
// be used from any number of goroutines.
type Wallet struct{ options Options }

// New returns the role of the wallet with these options, or an error when the
// rule cannot be.
func New(o Options) (*Wallet, error) {
	rule, err := o.Rule.complete()
	if err != nil {
		return nil, fmt.Errorf("make wallet: %w", err)
	}
	o.Rule = rule
	return &Wallet{o}, nil
}

// View is the wallet's store as the role reads it: its rows, and whether a fact
// still waits in the outbox for the registry.
type View interface {
	pay.Rows
	Queued(id pay.FactID) (bool, error)
}

// React takes in one fact of the wallet's feed, or the registry's refusal of a
// claim of this wallet. When an offer arrived that the rule covers, the
// reaction holds the answer.
func (w *Wallet) React(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	switch in := in.(type) {
	case pay.ClaimRefused:
		return pay.Reaction{}, refused(rows, in.Fact, in.Reason)
	case pay.EntryMirrored:
		if in.Fact.Kind() == pay.KindDecision {
			return w.decided(rows, now, in.Fact)
		}
		return pay.Reaction{}, w.mirror(rows, in.Fact)
	default:
		return pay.Reaction{}, nil
	}
}

func (w *Wallet) mirror(rows pay.WritableRows, f pay.Fact) error {
	switch f.Kind() {
	case pay.KindAuthority:
		return history.AddAuthority(rows, f)
	case pay.KindAnswer:
		return w.recover(rows, f)
	case pay.KindTopUp:
		return w.toppedUp(rows, f)
	case pay.KindChallenge:
		return challenged(rows, f)
	case pay.KindStepUp:
		return limited(rows, f)
	case pay.KindDevice:
		s, err := pay.As[pay.DeviceStatus](f)
		if err != nil {
			return err
		}
		return noteDevice(rows, s)
	case pay.KindRefusal:
		r, err := pay.As[pay.Refusal](f)
		if err != nil {
			return err
		}
		claim, ok, err := rows.Fact(r.Claim)
		if err != nil || !ok {
			return err
		}
		return refused(rows, claim, r.Reason)
	default:
		return history.NoteKind(rows, f)
	}
}

// refused notes that the registry refused a claim of this wallet.
func refused(rows pay.WritableRows, claim pay.Fact, why pay.Reason) error {
	switch claim.Kind() {
	case pay.KindAnswer:
		a, err := pay.As[pay.Answer](claim)
		if err != nil {
			return err
		}
		return answerRefused(rows, a.Payment, claim.ID(), why)
	case pay.KindMapping:
		m, err := pay.As[pay.Mapping](claim)
		if err != nil {
			return err
		}
		return deviceRefused(rows, m.Device, claim.ID(), why)
	case pay.KindRevoke:
		r, err := pay.As[pay.Revoke](claim)
		if err != nil {
			return err
		}
		return deviceRefused(rows, r.Device, claim.ID(), why)
	case pay.KindStepUpAbove:
		return limitRefused(rows, claim.ID(), why)
	default:
		return nil
	}
}

// decided folds a decision and does what each one taken in asks for. The rule
// is asked only when the payment is open after all of them.
func (w *Wallet) decided(rows pay.WritableRows, now pay.Time, f pay.Fact) (pay.Reaction, error) {
	d, err := pay.As[pay.Decision](f)
	if err != nil {
		return pay.Reaction{}, err
	}
	rec, steps, err := history.Fold(rows, now, f.ID(), d)
	if err != nil || len(steps) == 0 {
		return pay.Reaction{}, err
	}
	for _, s := range steps {
		if s.Decision.State != pay.StateCaptured {
			continue
		}
		if err := captured(rows, s); err != nil {
			return pay.Reaction{}, err
		}
	}
	if rec.Payment.State != pay.StateOffered {
		return pay.Reaction{}, openRows.Delete(rows, d.Payment)
	}
	if err := openRows.Put(rows, d.Payment, struct{}{}); err != nil {
		return pay.Reaction{}, err
	}
	return w.byRule(rows, now, rec)
}

// captured books what left the account. That a capture names an approval which
// this wallet did not give changes nothing about the money, so it is booked and
// kept as a finding.
func captured(rows pay.WritableRows, s history.Step) error {
	d := s.Decision
	a, ok, err := answerRows.Get(rows, d.Payment)
	if err != nil {
		return err
	}
	if !ok || a.Verdict != pay.Approve || a.Answer != d.Claim {
		if err := history.AddFinding(rows, s.ID, d, "captured without an approval of this wallet"); err != nil {
			return err
		}
	}
	return addBalance(rows, d.Currency, -d.Amount)
}

// byRule answers an open offer if the rule covers it and nobody has answered.
func (w *Wallet) byRule(rows pay.WritableRows, now pay.Time, rec history.Record) (pay.Reaction, error) {
	verdict, covers := w.options.Rule.verdict(rec.Payment.Decision)
	if !covers {
		return pay.Reaction{}, nil
	}
	if answered, err := answerRows.Has(rows, rec.Payment.ID); answered || err != nil {
		return pay.Reaction{}, err
	}
	if verdict == pay.Approve {
		if rec.Payment.Decision.Method() == pay.MethodTwoChannel {
			return pay.Reaction{}, nil // see RuleNeedsWitness
		}
		if ok, err := understood(rows); !ok || err != nil {
			return pay.Reaction{}, err
		}
	}
	_, f, err := w.sign(rows, now, rec.Payment, verdict, w.options.Rule.Name, pay.AuthCode{})
	if err != nil {
		return pay.Reaction{}, err
	}
	return pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}
