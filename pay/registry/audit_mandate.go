package registry

import (
	"context"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// mandateSaid is what the registry stated on a mandate last.
type mandateSaid struct {
	id pay.FactID
	pay.MandateStatus
}

// mandateAudit is the part of an audit that looks at mandates. What was used of each is
// recomputed from the payments by it.
type mandateAudit struct{ *auditor }

func inspectMandates(a *auditor) inspection {
	m := mandateAudit{a}
	a.mandates = make(map[pay.FactID]mandateSaid)
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			// Who signed a mandate is verified with all claims, and counts where a payment
			// or a row names it.
			pay.KindMandate: func(pay.Fact) error { return nil },
			pay.KindMandateStatus: reading(func(f pay.Fact, s pay.MandateStatus) error {
				if old, ok := a.mandates[s.Mandate]; !ok || s.Ended && !old.Ended {
					a.mandates[s.Mandate] = mandateSaid{f.ID(), s}
				}
				return nil
			}),
		},
		passes: []func(context.Context) error{
			func(ctx context.Context) error { return walk(ctx, a, mandateRows, m.check) },
			m.checkMissing,
		},
	}
}

// check holds the row of a mandate against what its wallet signed, what the registry
// stated, and the payments by it.
func (a mandateAudit) check(id pay.FactID, row mandateRow, damage error) error {
	if damage != nil {
		a.report("mandate %s: its row cannot be read", id)
		return nil
	}
	f, ok, err := a.rows.Fact(id)
	if err != nil {
		return err
	}
	m, bad := pay.As[pay.Mandate](f)
	said := a.mandates[id]
	node := a.nodes[f.Signer()]
	switch {
	case !ok || bad != nil:
		a.report("mandate %s: it has a row and its wallet signed none", id)
		return nil
	case node.Role != pay.RoleWallet || node.Scope != row.Wallet || a.verify(f, node.Node) != nil:
		a.report("mandate %s: the wallet whose money it moves did not sign it", id)
	case said.id != row.Status || said.MandateTerms != m.MandateTerms || said.Merchant != row.Merchant || said.Ended != row.Ended:
		a.report("mandate %s: its row is not what the registry last said of it", id)
	}
	list, _, err := standingRows.Get(a.rows, row.Wallet)
	if err != nil {
		return err
	}
	if slices.Contains(list, id) && row.Ended {
		a.report("mandate %s: it has ended and is kept among those that stand", id)
	}
	return a.checkUse(id, row, m)
}

// checkUse recomputes what was used of a mandate.
func (a mandateAudit) checkUse(id pay.FactID, row mandateRow, m pay.Mandate) error {
	use, days := pay.Use{Day: row.Use.Day}, map[int64]pay.Amount{}
	err := mandatePaymentRows.Each(a.rows, rows.Under(mandatePaymentRows, id), func(key mandatePaymentKey, day int64) error {
		p, _, err := paymentRows.Get(a.rows, key.Second)
		if p.Decision.Mandate != id || p.Wallet != row.Wallet {
			a.report("mandate %s: payment %s is not by it", id, key.Second.Short())
		}
		use.Count++
		use.Spent += p.Decision.Counted()
		days[day] += p.Decision.Counted()
		return err
	})
	if err != nil {
		return err
	}
	use.DaySpent = days[use.Day]
	if use != row.Use {
		a.report("mandate %s: %d in %d payments are counted, the payments say %d in %d", id, row.Use.Spent, row.Use.Count, use.Spent, use.Count)
	}
	over := m.Budget > 0 && use.Spent > m.Budget || m.Count > 0 && use.Count > m.Count
	for _, spent := range days {
		over = over || m.Day > 0 && spent > m.Day
	}
	if over {
		a.report("mandate %s: more was paid by it than it allows", id)
	}
	return nil
}

// checkMissing reports mandates without a row and payments that no mandate counts.
func (a mandateAudit) checkMissing(context.Context) error {
	kept, err := mandateRows.Count(a.rows)
	if err != nil {
		return err
	}
	if kept != len(a.mandates) {
		a.report("%d mandates are kept, the facts say %d", kept, len(a.mandates))
	}
	counted, err := mandatePaymentRows.Count(a.rows)
	if err == nil && a.grown == nil && counted != a.mandated {
		a.report("%d payments by mandates are counted, the facts say %d", counted, a.mandated)
	}
	return err
}

// checkMandate sees that the payer's mandate covered a payment that it decided (I6): the
// wallet signed it, it names this merchant, amount and device, it had not ended, and
// nothing about the payment asked for a person or the device.
func (a *paymentAudit) checkMandate(l decided, h paymentRow) error {
	id, d := l.d.Payment, l.d
	f, ok, err := a.rows.Fact(d.Claim)
	if err != nil {
		return err
	}
	m, bad := pay.As[pay.Mandate](f)
	if !ok || bad != nil {
		a.report("payment %s: it is %s by a mandate that nobody signed", id.Short(), d.State)
		return nil
	}
	said := a.mandates[d.Claim]
	switch {
	case !a.signedBy(l.arrow.Signer, f, h):
		a.report("payment %s: it is %s by a mandate that the payer's wallet did not sign", id.Short(), d.State)
	case m.Covers(d.Amount, d.Currency, d.At) != nil || m.Payee != "" && (m.Payee != d.MerchantName || said.Merchant != d.Merchant) || !m.Device.IsZero() && m.Device != h.Device,
		m.Class != "" && a.nodes[h.Box].Class != m.Class, m.Means == "" && d.Acquirer != pay.AcquirerNone:
		a.report("payment %s: it is %s by a mandate that does not cover it", id.Short(), d.State)
	case said.id.IsZero() || said.Ended && said.At < d.At:
		a.report("payment %s: it is %s by a mandate that did not stand", id.Short(), d.State)
	case !d.AnswersAlone() || d.StepUp != "":
		a.report("payment %s: it is %s by a mandate, and somebody had to be asked", id.Short(), d.State)
	}
	if d.Acquirer != pay.AcquirerNone {
		if means, _, err := fact[pay.Means](a.rows, h.Means); err != nil || means.Name != m.Means {
			a.report("payment %s: it is %s by other means than its mandate names", id.Short(), d.State)
		}
	}
	day, counted, err := mandatePaymentRows.Get(a.rows, rows.Key(d.Claim, id))
	if err != nil {
		return err
	}
	if authorised := d.State != pay.StateFailed; authorised != counted || counted && day != m.DayOf(d.At) {
		a.report("payment %s: its mandate counts it otherwise than it was made", id.Short())
	}
	if d.State != pay.StateFailed {
		a.mandated++
	}
	return nil
}
