package wallet

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// means are what the wallet pays by, beside its closed-loop account.
func (w *Wallet) means() history.Feature {
	return history.Feature{
		Name:    "means",
		Mirrors: map[pay.Kind]history.EntryRule{pay.KindMeansStatus: history.Mirror(noteMeans)},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindMeans: history.Refused(func(tx pay.WritableRows, claim pay.FactID, m pay.Means, why pay.Reason) error {
				return meansRefused(tx, m.Name, claim, why)
			}),
			pay.KindMeansEnd: history.Refused(func(tx pay.WritableRows, claim pay.FactID, m pay.MeansEnd, why pay.Reason) error {
				return meansRefused(tx, m.Name, claim, why)
			}),
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindMeans: history.Recalled(func(tx pay.WritableRows, _ pay.Time, claim pay.FactID, m pay.Means) error {
				return recallMeans(tx, m.Name, claim, m.Acquirer)
			}),
			pay.KindMeansEnd: history.Recalled(func(tx pay.WritableRows, _ pay.Time, claim pay.FactID, m pay.MeansEnd) error {
				r, _, err := meansRows.Get(tx, m.Name)
				if err != nil {
					return err
				}
				return recallMeans(tx, m.Name, claim, r.Acquirer)
			}),
		},
		Spaces: rows.Spaces{meansRows.Space},
	}
}

var meansRows = rows.New("m", "what the registry and this wallet stated about a means", rows.Text[pay.Name]("NAME"), rows.CBOR[meansRow]())

// meansRow is the registry's last status of a means, and what this wallet has claimed
// about it since. Fields may be added if they can be left out.
type meansRow struct {
	Acquirer pay.Acquirer `cbor:"1,keyasint,omitempty"`
	Known    bool         `cbor:"2,keyasint,omitempty"` // the registry has stated it
	Ended    bool         `cbor:"3,keyasint,omitempty"` // by its last status
	Test     bool         `cbor:"4,keyasint,omitempty"`
	Asked    pay.FactID   `cbor:"5,keyasint"`           // the last claim about it
	Pending  bool         `cbor:"6,keyasint,omitempty"` // Asked is not decided
	Refused  pay.Reason   `cbor:"7,keyasint,omitempty"` // why Asked was refused
}

// MeansState is where a means stands.
type MeansState string

// The states of a means.
const (
	MeansPending MeansState = "pending" // the registry has not decided on what was asked last
	MeansActive  MeansState = "active"
	MeansEnded   MeansState = "ended" // or it never began
)

// Means is a means as the wallet shows it.
type Means struct {
	Name     pay.Name
	Acquirer pay.Acquirer // AcquirerNone: the closed-loop account
	State    MeansState
	Test     bool       // it moves play money
	Reason   pay.Reason // why the registry refused what was asked last
	Asked    pay.FactID // what this wallet asked last
}

func meansOf(name pay.Name, r meansRow) Means {
	m := Means{Name: name, Acquirer: r.Acquirer, State: MeansEnded, Test: r.Test, Reason: r.Refused, Asked: r.Asked}
	switch {
	case r.Pending:
		m.State = MeansPending
	case r.Known && !r.Ended:
		m.State = MeansActive
	}
	return m
}

// AddMeans takes a means into use, or another token for one that is: it returns the means,
// pending, and the claim to be published in the same transaction. Created is set here. To
// add what is in use or asked for publishes nothing. Its errors are *pay.Error: CodeUsage
// for a name or a token that cannot be kept, CodeCardNumber for one that looks like the
// number of a card.
func (w *Wallet) AddMeans(tx pay.WritableRows, now pay.Time, m pay.Means) (Means, pay.Reaction, error) {
	m.Created = now
	if err := m.Check(); err != nil {
		if errors.Is(err, pay.ErrCardNumber) {
			return Means{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeCardNumber, "means_card", "add means")
		}
		return Means{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "means_form", "add means")
	}
	r, _, err := meansRows.Get(tx, m.Name)
	if err != nil {
		return Means{}, pay.Reaction{}, err
	}
	same, err := sameMeans(tx, r, m)
	if err != nil || same {
		return meansOf(m.Name, r), pay.Reaction{}, err
	}
	if !r.Known || r.Ended {
		r.Acquirer = m.Acquirer
	}
	return w.claimMeans(tx, m.Name, r, m)
}

// sameMeans reports whether what the wallet asked last about a means, pending or in force,
// is equal to m but for its date.
func sameMeans(view pay.Rows, r meansRow, m pay.Means) (bool, error) {
	if r.Asked.IsZero() || r.Refused != "" || (!r.Pending && (r.Ended || !r.Known)) {
		return false, nil
	}
	f, ok, err := view.Fact(r.Asked)
	if err != nil || !ok || f.Kind() != pay.KindMeans {
		return false, err
	}
	last, err := pay.As[pay.Means](f)
	last.Created = m.Created
	return last == m, err
}

// EndMeans takes a means out of use: it returns the means, pending, and the claim to be
// published in the same transaction. To end what is ended, or asked to be, publishes
// nothing. A name that the wallet does not know is a *pay.Error with CodeNotFound.
func (w *Wallet) EndMeans(tx pay.WritableRows, now pay.Time, name pay.Name) (Means, pay.Reaction, error) {
	r, known, err := meansRows.Get(tx, name)
	switch {
	case err != nil:
		return Means{}, pay.Reaction{}, err
	case !known:
		return Means{}, pay.Reaction{}, unknownMeans(name)
	case r.Pending:
		f, ok, err := tx.Fact(r.Asked)
		if err != nil || (ok && f.Kind() == pay.KindMeansEnd) {
			return meansOf(name, r), pay.Reaction{}, err
		}
	case r.Ended || !r.Known:
		return meansOf(name, r), pay.Reaction{}, nil
	}
	return w.claimMeans(tx, name, r, pay.MeansEnd{Name: name, Created: now})
}

// claimMeans signs a claim about a means.
func (w *Wallet) claimMeans(tx pay.WritableRows, name pay.Name, r meansRow, claim pay.Body) (Means, pay.Reaction, error) {
	f, err := pay.Sign(w.options.Key, claim)
	if err != nil {
		return Means{}, pay.Reaction{}, fmt.Errorf("claim means: %w", err)
	}
	r.Asked, r.Pending, r.Refused = f.ID(), true, ""
	return meansOf(name, r), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, meansRows.Put(tx, name, r)
}

func unknownMeans(name pay.Name) error {
	return pay.NewCase(pay.CodeNotFound, "means_unknown", fmt.Sprintf("this wallet pays by no means %q", string(name)))
}

// MeansNamed returns the means of a name. One that the wallet does not know is a *pay.Error
// with CodeNotFound.
func (w *Wallet) MeansNamed(view pay.Rows, name pay.Name) (Means, error) {
	r, known, err := meansRows.Get(view, name)
	if err == nil && !known {
		err = unknownMeans(name)
	}
	return meansOf(name, r), err
}

// CheckMeans returns nil when a device may be tied to the means of a name: it is in use,
// or "" for the account. Else it returns a *pay.Error: CodeNotFound or CodeConflict.
func (w *Wallet) CheckMeans(view pay.Rows, name pay.Name) error {
	if name == "" {
		return nil
	}
	m, err := w.MeansNamed(view, name)
	if err == nil && m.State != MeansActive {
		err = pay.NewCase(pay.CodeConflict, "means_not_active", fmt.Sprintf("means %q is %s", string(name), m.State))
	}
	return err
}

// AllMeans returns the wallet's means in the order of their names, ended ones too. Its
// errors are the store's.
func (w *Wallet) AllMeans(view pay.Rows) (list []Means, err error) {
	err = meansRows.Each(view, meansRows.All(), func(name pay.Name, r meansRow) error {
		list = append(list, meansOf(name, r))
		return nil
	})
	return list, err
}

// noteMeans takes in the registry's status of a means. The last one in the feed counts. It
// decides what this wallet asked last when it names that; what a wallet before this one
// asked, it did not ask.
func noteMeans(tx pay.WritableRows, _ pay.Fact, s pay.MeansStatus) error {
	r, _, err := meansRows.Get(tx, s.Name)
	if err != nil {
		return err
	}
	r.Acquirer, r.Known, r.Ended, r.Test = s.Acquirer, true, s.Ended, s.Test
	if s.Claim == r.Asked {
		r.Pending = false
	}
	return meansRows.Put(tx, s.Name, r)
}

// meansRefused notes that the registry refused the last claim about a means.
func meansRefused(tx pay.WritableRows, name pay.Name, claim pay.FactID, why pay.Reason) error {
	r, _, err := meansRows.Get(tx, name)
	if err != nil || r.Asked != claim || !r.Pending {
		return err
	}
	r.Pending, r.Refused = false, why
	return meansRows.Put(tx, name, r)
}

// recallMeans takes in a claim that this wallet made and does not hold any more: it was
// the last one about the means, and what the registry made of it follows in the feed.
func recallMeans(tx pay.WritableRows, name pay.Name, claim pay.FactID, a pay.Acquirer) error {
	r, _, err := meansRows.Get(tx, name)
	if err != nil {
		return err
	}
	if !r.Known || r.Ended {
		r.Acquirer = a
	}
	r.Asked, r.Pending, r.Refused = claim, true, ""
	return meansRows.Put(tx, name, r)
}
