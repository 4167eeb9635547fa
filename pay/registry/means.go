package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// means are what wallets pay by, beside their closed-loop account. They move with a
// scope: what another wallet takes over can still be paid with the devices that are tied
// to it, and a means answers nothing by itself.
//
//	means -> means-status       to the wallet
//	means-end -> means-status   to the wallet
var means = feature{
	name: "means",
	claims: map[pay.Kind]rule{
		pay.KindMeans:    claimOf((*turn).setMeans),
		pay.KindMeansEnd: claimOf((*turn).endMeans),
	},
	publishes: []pay.Kind{pay.KindMeansStatus},
	audit:     inspectMeans,
	spaces:    rows.Spaces{meansRows.Space},
}

type meansKey = rows.Pair[pay.Scope, pay.Name]

var meansRows = rows.New("ms/", "what a wallet pays by under a name",
	rows.Join(rows.TextUntil[pay.Scope]("WALLET", 0), rows.Text[pay.Name]("NAME")), rows.CBOR[meansRow]())

// meansRow is a means as the registry stated it last. The token stands in the claim alone.
type meansRow struct {
	Acquirer pay.Acquirer `cbor:"1,keyasint,omitempty"`
	Claim    pay.FactID   `cbor:"2,keyasint"` // the means in force, or the last one that was
	Status   pay.FactID   `cbor:"3,keyasint"`
	Ended    bool         `cbor:"4,keyasint,omitempty"`
}

// Acquirer is what the registry knows of one that it calls.
type Acquirer struct {
	// Test means that it moves play money alone.
	Test bool
}

// playMoney reports whether an acquirer moves play money alone, as closed-loop accounts do.
func (r *Registry) playMoney(a pay.Acquirer) bool {
	return a == pay.AcquirerNone || r.acquirers[a].Test
}

// setMeans takes a means into use, in the place of one of the same name.
func (t *turn) setMeans(m pay.Means) error {
	key := rows.Key(t.from.Scope, m.Name)
	row, known, err := meansRows.Get(t.rows, key)
	if err != nil {
		return err
	}
	refused, err := t.mayPayBy(m, known && !row.Ended)
	if err != nil {
		return err
	}
	if refused != "" {
		return t.refuse(refused, pay.PaymentID{})
	}
	return t.stateMeans(key, meansRow{Acquirer: m.Acquirer, Claim: t.in.Fact.ID()})
}

// mayPayBy returns why a wallet may not take a means into use, or "".
func (t *turn) mayPayBy(m pay.Means, instead bool) (pay.Reason, error) {
	if _, called := t.acquirers[m.Acquirer]; !called && m.Acquirer != pay.AcquirerNone {
		return pay.ReasonNoAcquirer, nil
	}
	if instead {
		return "", nil
	}
	n := 0
	err := meansRows.Each(t.rows, rows.Under(meansRows, t.from.Scope), func(_ meansKey, row meansRow) error {
		if !row.Ended {
			n++
		}
		return nil
	})
	if n >= pay.MeansPerWalletMax {
		return pay.ReasonTooManyMeans, err
	}
	return "", err
}

// endMeans takes a means out of use. Devices that are tied to it pay no more until they
// are tied to another.
func (t *turn) endMeans(m pay.MeansEnd) error {
	key := rows.Key(t.from.Scope, m.Name)
	row, known, err := meansRows.Get(t.rows, key)
	if err != nil {
		return err
	}
	if !known || row.Ended {
		return t.refuse(pay.ReasonUnknownMeans, pay.PaymentID{})
	}
	row.Ended = true
	return t.stateMeans(key, row)
}

// stateMeans publishes where a means stands by the claim at hand, which is settled. No
// status is dated as early as the one before, so that an audit knows the last of them.
func (t *turn) stateMeans(key meansKey, row meansRow) error {
	before, known, err := meansRows.Get(t.rows, key)
	if err != nil {
		return err
	}
	at := t.now
	if known {
		last, _, err := fact[pay.MeansStatus](t.rows, before.Status)
		if err != nil {
			return err
		}
		at = max(at, last.At+1)
	}
	s := pay.MeansStatus{
		Name: key.Second, Acquirer: row.Acquirer, Claim: t.in.Fact.ID(), Ended: row.Ended,
		Test: !row.Ended && t.playMoney(row.Acquirer), At: at,
	}
	if row.Status, err = t.publish(s, t.from.Scope); err != nil {
		return err
	}
	if err := meansRows.Put(t.rows, key, row); err != nil {
		return err
	}
	return t.settle("")
}

// meansFor returns what a device pays by, and whether who moves money by it is not called
// by this registry. A name that no means of its wallet ever had is the account's: before there were means
// a device could be given any.
func (t *turn) meansFor(d deviceRow) (row meansRow, away bool, err error) {
	if d.Means != "" {
		if row, _, err = meansRows.Get(t.rows, rows.Key(d.Wallet, d.Means)); err != nil {
			return row, false, err
		}
	}
	_, called := t.acquirers[row.Acquirer]
	return row, !called && row.Acquirer != pay.AcquirerNone, nil
}

// meansInUse reports whether the means by which an offer was made is in use still, and not
// another of its name. What moves from the account needs none.
func (t *turn) meansInUse(h paymentRow) (bool, error) {
	if h.Decision.Acquirer == pay.AcquirerNone {
		return true, nil
	}
	m, ok, err := fact[pay.Means](t.rows, h.Means)
	if err != nil || !ok {
		return false, err
	}
	row, known, err := meansRows.Get(t.rows, rows.Key(h.Wallet, m.Name))
	return known && !row.Ended && row.Claim == h.Means, err
}

// Token returns the token of a means by the fact that set it. It fails when there is no
// such fact.
func Token(view pay.Rows, means pay.FactID) (pay.Token, error) {
	m, ok, err := fact[pay.Means](view, means)
	if err == nil && !ok {
		err = errors.New("it is missing")
	}
	if err != nil {
		return "", fmt.Errorf("read means %s: %w", means, err)
	}
	return m.Token, nil
}

// meansAudit is the part of an audit that looks at means.
type meansAudit struct {
	*auditor
	last map[meansKey]pay.Time // when the last status of each was signed, until its row was seen
}

func inspectMeans(a *auditor) inspection {
	m := &meansAudit{auditor: a, last: make(map[meansKey]pay.Time)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{pay.KindMeansStatus: reading(m.readStatus)},
		passes: []func(context.Context) error{
			func(ctx context.Context) error { return walk(ctx, a, meansRows, m.checkMeans) },
			m.checkMissing,
		},
	}
}

// readStatus notes of which wallet's means there is a status, and when.
func (a *meansAudit) readStatus(_ pay.Fact, s pay.MeansStatus) error {
	claim, ok, err := a.rows.Fact(s.Claim)
	switch {
	case err != nil:
		return err
	case !ok:
		a.report("means %q: the claim that its status names is missing", string(s.Name))
	default:
		key := rows.Key(a.nodes[claim.Signer()].Scope, s.Name)
		a.last[key] = max(a.last[key], s.At)
	}
	return nil
}

// checkMeans holds a means' row against the registry's last status of it, and that against
// the claims of the wallet.
func (a *meansAudit) checkMeans(key meansKey, row meansRow, damage error) error {
	last := a.last[key]
	delete(a.last, key)
	if damage != nil {
		a.report("means %q of %s: its row cannot be read", string(key.Second), key.First)
		return nil
	}
	status, ok, err := fact[pay.MeansStatus](a.rows, row.Status)
	if err != nil {
		return err
	}
	if !ok || status.At != last || status.Name != key.Second || status.Acquirer != row.Acquirer || status.Ended != row.Ended || (!row.Ended && status.Claim != row.Claim) {
		a.report("means %q of %s: its row is not what the registry last stated of it", string(key.Second), key.First)
	}
	set, ok, err := a.rows.Fact(row.Claim)
	if err != nil {
		return err
	}
	m, bad := pay.As[pay.Means](set)
	node := a.nodes[set.Signer()]
	if !ok || bad != nil || m.Name != key.Second || m.Acquirer != row.Acquirer || node.Scope != key.First || a.verify(set, node.Node) != nil {
		a.report("means %q of %s: its wallet did not ask for it", string(key.Second), key.First)
	}
	return nil
}

// checkMissing reports means that were stated and have no row.
func (a *meansAudit) checkMissing(context.Context) error {
	for key := range a.last {
		a.report("means %q of %s: it was stated and has no row", string(key.Second), key.First)
	}
	return nil
}
