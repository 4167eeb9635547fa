// Package wallet is the role of a payer's program: from the registry's offer to
// the answer of its owner or of the owner's rule, and from the devices that its
// owner pairs to those that the registry has mapped.
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
// All of it works on the rows of the wallet's store, inside the caller's
// transaction. The wallet's clock decides nothing: whether an answer came in time
// is the registry's decision.
//
// # Layout
//
// Beside the rows of package history, which begin with 'h':
//
//	b CURRENCY  what came in less what was captured and what left
//	c PAYMENT   the challenge for an offer that demands two channels
//	d DEVICE    what the registry and this wallet stated about a device
//	e DEVICE    what was learned of a device's level, where its owner wants that
//	f PAYMENT   what an open payment holds of the account
//	i PAYMENT   the answer that this wallet gave last to an increment
//	l           above which amount payments need the device
//	km MANDATE  what the registry and this wallet stated about a mandate
//	kn          how many standing rules there are, and whether they are paused
//	kp MANDATE PAYMENT  a payment by a mandate
//	kr NAME     a standing rule
//	ks DAY PAYMENT  what was approved without a person
//	kv MERCHANT a merchant whom the owner has paid by hand
//	m NAME      what the registry and this wallet stated about a means
//	n PAYMENT   the answer that this wallet gave last
//	p DEVICE    how much the owner wants at the next fuelling of a vehicle
//	q PAYMENT   an offer that may still be open
//	r NEW       which wallet NEW took the scope over from
//	v FACT      a top-up that is in the balance, where its statement is not noted
//
// # Guarantees
//
// An answer repeats the offer's terms exactly, and an offer is answered at most
// once unless the registry refused the answer. Nothing is approved while the
// feed holds a critical fact that this program does not understand.
package wallet

import (
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Options name the wallet and what it answers by itself.
type Options struct {
	Key   pay.Key
	Scope pay.Scope
	Root  pay.NodeID // of the registry
	Rule  Rule       // the zero Rule asks
	// Zone is where the wallet is: a day of its standing rules is a local one; nil: UTC.
	Zone *time.Location
	// Replaces is the wallet whose place this one has taken by its invite, or zero.
	Replaces pay.NodeID
}

// Wallet is the role of one wallet. It holds no state but its options and may
// be used from any number of goroutines.
type Wallet struct {
	options  Options
	features history.Features
}

// New returns the role of the wallet with these options. An invalid rule is a
// *pay.Error: CodeUsage, CodeAmount or CodeCurrency.
func New(o Options) (*Wallet, error) {
	rule, err := o.Rule.complete()
	if err != nil {
		return nil, fmt.Errorf("make wallet: %w", err)
	}
	o.Rule = rule
	w := &Wallet{options: o}
	w.features = w.all()
	return w, nil
}

// all returns what the wallet does with its feed and with refusals of its own
// claims. A new feature is a file with such a value, and a place in this list.
func (w *Wallet) all() history.Features {
	return history.Features{w.payments(), w.increments(), w.stepUps(), w.devices(), w.means(), w.balances(), w.replacements(), w.levels(), w.standing(), w.mandates(), w.presets()}
}

// Spaces returns the key spaces of the role, those of package history included.
func Spaces() rows.Spaces { return new(Wallet).all().Spaces() }

// View is the wallet's store as the role reads it.
type View interface {
	pay.Rows
	// Queued reports whether a fact still waits in the outbox for the registry.
	Queued(id pay.FactID) (bool, error)
}

// React takes in an entry of the wallet's feed, or the registry's refusal of a
// claim of this wallet. When an offer arrived that the rule covers, the reaction
// holds the answer. Its errors are the store's.
func (w *Wallet) React(tx pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	return w.features.React(tx, now, in)
}

// Late returns the kinds of entries that this program takes in and the one that ran last
// did not; see history.Features.
func (w *Wallet) Late(view pay.Rows) (kinds []pay.Kind, noted bool, err error) {
	return w.features.Late(view)
}

// NoteKinds notes that all that this program takes in has been taken in. Its errors are
// the store's.
func (w *Wallet) NoteKinds(tx pay.WritableRows) error { return w.features.NoteKinds(tx) }
