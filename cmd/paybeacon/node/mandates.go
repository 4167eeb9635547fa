package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// mandateWait is how long a mandate waits for the registry's signature. Chosen: a person
// waits; it stays asked for all the same.
const mandateWait = 10 * time.Second

// listMandates lists all mandates that the wallet ever signed, newest first.
func (n *payer) listMandates(ctx context.Context, _ api.Nothing) (out api.List[api.Mandate], err error) {
	list, err := read(ctx, n.store, func(v *store.View) ([]wallet.Mandate, error) { return n.wallet.Mandates(v, n.store.Now()) })
	for _, m := range list {
		out.Items = append(out.Items, mandateObject(m))
	}
	return out, err
}

// addMandate signs a mandate and returns it once the registry has signed, too.
func (n *payer) addMandate(ctx context.Context, q api.MandateRequest) (api.Mandate, error) {
	m, err := n.parseMandate(ctx, q)
	if err != nil {
		return api.Mandate{}, err
	}
	return n.changeMandate(ctx, func(tx *store.Tx) (wallet.Mandate, pay.Reaction, error) { return n.wallet.AddMandate(tx, tx.Now(), m) })
}

// endMandate ends a mandate and returns it once the registry has signed.
func (n *payer) endMandate(ctx context.Context, q api.MandateRef) (api.Mandate, error) {
	return n.changeMandate(ctx, func(tx *store.Tx) (wallet.Mandate, pay.Reaction, error) {
		return n.wallet.EndMandate(tx, tx.Now(), q.ID)
	})
}

// parseMandate reads a request in the currency of the registry.
func (n *payer) parseMandate(ctx context.Context, q api.MandateRequest) (m pay.Mandate, err error) {
	m.Currency, m.Count, m.Means = n.member.Currency, q.Count, q.Means
	if class, ok := strings.CutPrefix(q.To, api.ClassPrefix); ok {
		m.Class = pay.BoxClass(class)
		if m.Class != pay.ClassFuel {
			return m, pay.NewError(pay.CodeUsage, fmt.Sprintf("there is no class %q", text.Printable(class)), "write class:fuel, or the name of a merchant")
		}
	} else {
		m.Payee = pay.Name(q.To)
	}
	least, most, both := strings.Cut(q.Each, "..")
	if !both {
		least, most = "", q.Each
	}
	for _, a := range []struct {
		words string
		to    *pay.Amount
	}{{least, &m.EachMin}, {most, &m.Each}, {q.Day, &m.Day}, {q.Budget, &m.Budget}} {
		if a.words == "" {
			continue
		}
		if *a.to, err = text.ParseAmount(a.words, m.Currency); err != nil {
			return m, err
		}
	}
	if m.Until, err = parseUntil(q.Until, n.store.Now(), time.Local); err != nil {
		return m, err
	}
	if q.Device != "" {
		d, err := read(ctx, n.store, func(v *store.View) (wallet.Device, error) { return n.wallet.Device(v, q.Device) })
		if err != nil {
			return m, err
		}
		m.Device = d.ID
	}
	return m, nil
}

// parseUntil reads until when a mandate stands: a moment in RFC 3339, a local date, the end
// of which is meant, or how long from now, such as 30d or 12h.
func parseUntil(s string, now pay.Time, zone *time.Location) (pay.Time, error) {
	refuse := func(why string) (pay.Time, error) {
		return 0, pay.NewError(pay.CodeUsage, fmt.Sprintf("--until %q %s", text.Printable(s), why),
			fmt.Sprintf("write it like 30d, 2026-12-31 or 2026-12-31T18:00:00Z, at most %d days from now", pay.MandateMax/pay.MillisOf(24*time.Hour)))
	}
	var until pay.Time
	if moment, err := time.Parse(time.RFC3339, s); err == nil {
		until = pay.TimeOf(moment)
	} else if _, end, err := dayOf(s, zone); err == nil {
		until = end
	} else if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return refuse("is no time")
		}
		until = now.Add(pay.Millis(n) * pay.MillisOf(24*time.Hour))
	} else if span, err := time.ParseDuration(s); err == nil {
		until = now.Add(pay.MillisOf(span))
	} else {
		return refuse("is no time")
	}
	switch {
	case until <= now:
		return refuse("is over")
	case until.Sub(now) > pay.MandateMax:
		return refuse("is too far away")
	}
	return until, nil
}

// changeMandate asks for a change and returns the mandate once the registry has decided on
// it, or as pending when it has not for a while.
func (n *payer) changeMandate(ctx context.Context, change func(tx *store.Tx) (wallet.Mandate, pay.Reaction, error)) (api.Mandate, error) {
	if err := n.refusal(); err != nil {
		return api.Mandate{}, err
	}
	m, err := commit(ctx, n.store, change)
	if err != nil {
		return api.Mandate{}, err
	}
	asked, id := m.Asked, m.ID.String()
	waiting, cancel := context.WithTimeout(ctx, mandateWait)
	defer cancel()
	err = n.Watch(waiting, func() (bool, error) {
		now, err := read(ctx, n.store, func(v *store.View) (wallet.Mandate, error) { return n.wallet.FindMandate(v, n.store.Now(), id) })
		if err == nil {
			m = now
		}
		return m.State != wallet.MandatePending || m.Asked != asked, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return mandateObject(m), err
}

func mandateObject(m wallet.Mandate) api.Mandate {
	out := api.Mandate{
		V: 1, Type: "mandate", ID: m.ID.String(), By: string(m.ID.By()), To: api.MandateTo(m.MandateTerms), EachMin: m.EachMin, Each: m.Each,
		Spent: m.Use.Spent, Payments: m.Use.Count, Currency: m.Currency, Until: m.Until.String(), Means: m.Means, State: string(m.State), Reason: m.Reason,
	}
	if !m.Device.IsZero() {
		out.Device = m.Device.String()
	}
	out.Day, out.DayLeft = boundOf(m.MandateTerms.Day, m.Use.DaySpent)
	out.Budget, out.BudgetLeft = boundOf(m.Budget, m.Use.Spent)
	out.Count, out.CountLeft = boundOf(m.Count, m.Use.Count)
	return out
}

// boundOf returns a bound and what is left of it, nil where there is none.
func boundOf[N pay.Amount | uint32](bound, used N) (of, left *N) {
	if bound == 0 {
		return nil, nil
	}
	return &bound, new(max(bound, used) - used)
}
