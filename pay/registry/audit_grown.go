package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// An audit can carry on from one that found nothing: of payments it reads only those
// that were decided on since, from their requests, and adds them to what the audit
// before had counted. Rows and facts are counted all the same, and nodes, devices,
// keys of merchants, limits, neighbours, top-ups and the accounts are recomputed as
// always.
//
// It reports no finding: where anything is not as it should be, the caller makes a
// full audit, which names it.

// Growth is what was published since a good audit.
type Growth struct {
	good     Good
	fresh    map[pay.FactID]bool // decisions, challenges and refusals
	payments map[pay.PaymentID]bool
}

// growthMax is how many facts of payments a Growth holds. Chosen: some megabytes; an
// audit of all is as quick when so much is new to a small registry.
const growthMax = 1 << 16

// ErrGrownTooMuch means that a full audit costs as much.
var ErrGrownTooMuch = errors.New("registry: it has grown too much since the last good audit")

// NewGrowth returns a Growth without facts.
func NewGrowth(since Good) *Growth {
	return &Growth{good: since, fresh: make(map[pay.FactID]bool), payments: make(map[pay.PaymentID]bool)}
}

// Add takes in a fact that the registry published since. It fails with
// ErrGrownTooMuch, and as pay.As does.
func (g *Growth) Add(f pay.Fact) error {
	if !ofPayments(f.Kind()) {
		return nil
	}
	if g.fresh[f.ID()] = true; len(g.fresh) > growthMax {
		return ErrGrownTooMuch
	}
	if f.Kind() != pay.KindDecision {
		return nil
	}
	d, err := pay.As[pay.Decision](f)
	g.payments[d.Payment] = true
	return err
}

// Payments returns how many payments were decided on since.
func (g *Growth) Payments() int { return len(g.payments) }

// ofPayments reports whether there are as many facts of a kind as payments, or more.
func ofPayments(k pay.Kind) bool {
	switch k {
	case pay.KindRequest, pay.KindOpening, pay.KindAnswer, pay.KindCancel, pay.KindPrice, pay.KindCapture, pay.KindVoid, pay.KindRefund, pay.KindIncrement, pay.KindIncrementAnswer, pay.KindDecision, pay.KindChallenge, pay.KindRefusal:
		return true
	default:
		return false
	}
}

// AuditGrown carries on from a good audit, with what was published since, which the
// caller has verified. ok is false where anything is not as it should be, and the
// result is then of no use. Payments counts all of them. The error is that of
// AuditWith.
func (r *Registry) AuditGrown(ctx context.Context, rows AuditRows, g *Growth, o AuditOptions) (res AuditResult, ok bool, err error) {
	o.Progress, o.Found, o.Verified = nil, nil, nil
	a := r.newAuditor(ctx, rows, o)
	a.grown = g
	a.out.Payments = g.good.Payments
	sums, holds := g.good.Paid.Sums()
	a.paid = book.Resume(sums, holds)
	res, err = a.finish(a.run(ctx))
	return res, res.OK, err
}

// wantsGrown is wantsRest for an audit that carries on: of the facts of payments, it
// wants those that were published since.
func (a *auditor) wantsGrown(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool {
	if !ofPayments(kind) {
		return a.wantsRest(kind, signer)
	}
	fresh := a.grown.fresh[id]
	if fresh {
		a.met++
	}
	return fresh
}

// checkGrown checks the payments that were decided on since the audit before.
func (a *paymentAudit) checkGrown(ctx context.Context) error {
	for _, id := range slices.SortedFunc(maps.Keys(a.grown.payments), compareIDs) {
		a.pause()
		h, ok, err := paymentRows.Get(a.rows, id)
		if err != nil && !errors.Is(err, rows.ErrDamaged) {
			return err
		}
		if err != nil || !ok {
			a.report("payment %s: its row is missing or cannot be read", id.Short())
			continue
		}
		if err := errors.Join(ctx.Err(), a.checkAgain(id, h)); err != nil {
			return err
		}
	}
	n, err := paymentRows.Count(a.rows)
	if err == nil && (n != a.out.Payments || a.met != len(a.grown.fresh)) {
		a.report("%d payments are kept, the facts say %d", n, a.out.Payments)
	}
	return err
}

// checkAgain checks a payment, the last decisions of which are new, and counts it once.
func (a *paymentAudit) checkAgain(id pay.PaymentID, h paymentRow) error {
	chain, whole, err := a.chain(id, h.Last)
	if err != nil {
		return err
	}
	old := slices.IndexFunc(chain, func(l decided) bool { return a.grown.fresh[l.id] })
	if !whole || old < 0 {
		a.report("payment %s: its row does not lead to its decisions", id.Short())
		return nil
	}
	a.linked += len(chain) - old
	if old == 0 {
		return a.checkChain(id, h, chain)
	}
	before, why := fold(id, chain[:old])
	if why != nil {
		a.report("payment %s: %v", id.Short(), why)
	}
	if sums, d := before.Sums(), before.Decision; sums != (pay.Sums{}) {
		a.paid.TakeBack(book.Payment{ID: id, From: h.payer(), To: d.Merchant, Currency: d.Currency}, sums)
	}
	_, own, _, err := holdOf(a.rows, id, h)
	if err != nil {
		return err
	}
	if own { // as it has been since it was stored
		a.paid.TakeBackHold()
	}
	payments, keys := a.out.Payments, a.keys
	err = a.checkChain(id, h, chain)
	a.out.Payments, a.keys = payments, keys
	return err
}

// good returns what this audit covered, for the next one.
func (a *auditor) good() *Good {
	return &Good{Payments: a.out.Payments, Decisions: a.decisions, Keys: a.keys, Paid: a.paid}
}

// damageIsNone returns nil for the error of a row that cannot be read.
func damageIsNone(err error) error {
	if errors.Is(err, rows.ErrDamaged) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the last audit: %w", err)
	}
	return nil
}
