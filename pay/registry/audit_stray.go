package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// straysMax bounds the payments that are put together from their decisions at a
// time. Chosen: they take some megabytes, and a registry that has lost all its
// rows reads its facts once for so many payments.
const straysMax = 1 << 15

// strays looks for payments whose rows do not lead to all of their decisions: by
// reading all decisions once for the next straysMax of them, in the order of their
// ids. A sound registry has none.
type strays struct {
	*paymentAudit
	max   int
	after *pay.PaymentID                 // all up to this one are done; nil at first
	until *pay.PaymentID                 // those behind this one wait for the next round; nil: none
	of    map[pay.PaymentID][]pay.FactID // what no row leads to
}

// checkStrays reports decisions that no row leads to and rows that lead to none.
func (a *paymentAudit) checkStrays(ctx context.Context) error {
	if a.grown != nil {
		if a.decided != a.linked || a.decisions != a.grown.good.Decisions+a.decided {
			a.report("%d decisions are there, %d of them new", a.decisions, a.linked)
		}
		return nil
	}
	// What is linked was signed with the registry's authority, and nothing is linked
	// twice: as many as bear its name are all of them.
	if a.broken == 0 && a.decided+a.named == a.linked {
		return nil
	}
	if err := a.readNamed(ctx); err != nil {
		return err
	}
	if a.broken == 0 && a.decided == a.linked {
		return nil
	}
	s := &strays{paymentAudit: a, max: cmp.Or(a.straysMax, straysMax)}
	for {
		s.until, s.of = nil, make(map[pay.PaymentID][]pay.FactID)
		if err := a.facts(ctx, func(_ pay.FactID, kind pay.Kind, _ pay.NodeID) bool { return kind == pay.KindDecision }, s.read); err != nil {
			return err
		}
		s.trim(s.max)
		if err := s.checkRows(ctx); err != nil {
			return err
		}
		for _, id := range slices.SortedFunc(maps.Keys(s.of), compareIDs) {
			a.out.Payments++
			a.report("payment %s: it was decided on and has no row", id.Short())
		}
		if s.until == nil {
			return nil
		}
		s.after = s.until
	}
}

// readNamed reads the decisions in the registry's name that were only counted.
func (a *paymentAudit) readNamed(ctx context.Context) error {
	if a.named == 0 {
		return nil
	}
	return a.facts(ctx, func(_ pay.FactID, kind pay.Kind, signer pay.NodeID) bool {
		return kind == pay.KindDecision && a.Verified(signer) && len(a.authorities[signer]) > 0
	}, a.readRest)
}

// now reports whether a payment has its turn in this round.
func (s *strays) now(id pay.PaymentID) bool {
	return (s.after == nil || compareIDs(id, *s.after) > 0) && (s.until == nil || compareIDs(id, *s.until) <= 0)
}

// read keeps a decision that its payment's row does not lead to.
func (s *strays) read(f pay.Fact) error {
	if f.Kind() != pay.KindDecision {
		return nil
	}
	d, err := pay.As[pay.Decision](f)
	if err != nil || !s.now(d.Payment) || !s.speaks(f, d.At) {
		return err
	}
	chain, err := s.led(d.Payment)
	if err != nil || slices.ContainsFunc(chain, func(l decided) bool { return l.id == f.ID() }) {
		return err
	}
	s.of[d.Payment] = append(s.of[d.Payment], f.ID())
	if len(s.of) >= 2*s.max {
		s.trim(s.max)
	}
	return nil
}

// led returns the decisions that a payment's row leads to, none when there is no
// row that leads to the request.
func (s *strays) led(id pay.PaymentID) ([]decided, error) {
	h, ok, err := paymentRows.Get(s.rows, id)
	if !ok || errors.Is(err, rows.ErrDamaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	chain, whole, err := s.chain(id, h.Last)
	if !whole {
		return nil, err
	}
	return chain, err
}

// trim leaves all but the first n payments to the next round.
func (s *strays) trim(n int) {
	if len(s.of) <= n {
		return
	}
	ids := slices.SortedFunc(maps.Keys(s.of), compareIDs)
	for _, id := range ids[n:] {
		delete(s.of, id)
	}
	s.until = &ids[n-1]
}

// checkRows checks the rows that have their turn and lead to none of their
// decisions, or not to all.
func (s *strays) checkRows(ctx context.Context) error {
	return paymentRows.Walk(s.rows, paymentRows.All(), func(id pay.PaymentID, h paymentRow, damage error) error {
		var key *rows.KeyError
		if err := ctx.Err(); err != nil || errors.As(damage, &key) || !s.now(id) {
			return err
		}
		ids, ok := s.of[id]
		delete(s.of, id)
		if damage != nil {
			if ok {
				s.out.Payments++
				s.report("payment %s: its row cannot be read", id.Short())
			} else {
				s.report("payment %s: it has a row and was never decided on", id.Short())
			}
			return nil
		}
		return s.checkRow(id, h, ids)
	})
}

func (s *strays) checkRow(id pay.PaymentID, h paymentRow, ids []pay.FactID) error {
	chain, whole, err := s.chain(id, h.Last)
	if err != nil {
		return err
	}
	switch {
	case len(ids) == 0:
		if !whole {
			s.report("payment %s: it has a row and was never decided on", id.Short())
		}
		return nil
	case !whole:
		chain = nil
	}
	for _, id := range ids {
		d, ok, err := s.decision(id)
		if err != nil || !ok {
			return err
		}
		chain = append(chain, decided{id: id, d: d})
	}
	slices.SortFunc(chain, func(x, y decided) int {
		return cmp.Or(cmp.Compare(x.d.Seq, y.d.Seq), bytes.Compare(x.id[:], y.id[:]))
	})
	if !whole {
		return s.checkChain(id, h, chain)
	}
	s.checkFold(id, h, chain) // checkPayment has seen what the row leads to
	return nil
}
