package node

import (
	"context"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
)

// asideListMax bounds the subjects that a registry names when it is asked how it
// is. Chosen: more than a person reads.
const asideListMax = 20

// asides is what a registry has set aside.
type asides struct {
	store *store.Store
	role  *registry.Registry
}

// list returns what is set aside, at most asideListMax of it, and how much that
// is altogether. It returns an error when the store cannot be read.
func (n asides) list(ctx context.Context) (list []api.Aside, all int, err error) {
	err = n.store.View(ctx, func(v *store.View) error {
		list, all, err = n.listIn(v)
		return err
	})
	return list, all, err
}

func (n asides) listIn(v *store.View) (list []api.Aside, all int, err error) {
	err = v.Aside(func(a store.Aside) error {
		if all++; all <= asideListMax {
			list = append(list, n.object(v, a))
		}
		return nil
	})
	return list, all, err
}

// object names a subject and the money that is at stake. A payment whose row
// cannot be read may be why it was set aside: it is named without money.
func (n asides) object(v *store.View, a store.Aside) api.Aside {
	out := api.Aside{
		V: 1, Type: "aside", ID: a.Subject.String(), Kind: string(rune(a.Subject.Kind)),
		Due: a.Due.String(), Tries: a.Tries, Waiting: a.Waiting, Error: a.Err,
	}
	if id, ok := a.Subject.Payment(); ok {
		out.Kind, out.ID = "payment", id.String()
		if d, ok, err := n.role.LastDecision(v, id); err == nil && ok {
			out.State, out.Amount, out.AmountHeld, out.Currency, out.Merchant = d.State.Shown(), d.Authorised(), d.Capturable(), d.Currency, d.MerchantName
		}
	} else if a.Subject.Kind == pay.SubjectDevice {
		out.Kind = "device"
	}
	return out
}

// retry tries again what was set aside.
func (n asides) retry(ctx context.Context, q api.RetryRequest) (out api.List[api.Aside], err error) {
	before := map[pay.Subject]store.Aside{}
	var subjects []pay.Subject
	err = n.store.View(ctx, func(v *store.View) error {
		return v.Aside(func(a store.Aside) error {
			if process.StartsSubject(a.Subject, q.ID) {
				before[a.Subject] = a
				subjects = append(subjects, a.Subject)
			}
			return nil
		})
	})
	switch {
	case err != nil:
		return out, err
	case q.ID != "" && len(subjects) == 0:
		return out, pay.NewError(pay.CodeNotFound, fmt.Sprintf("nothing that is set aside begins with %q", text.Printable(q.ID)), "paybeacon doctor names what is set aside")
	case q.ID != "" && len(subjects) > 1:
		return out, pay.NewError(pay.CodeConflict, fmt.Sprintf("%q means several: %s; %s", text.Printable(q.ID), subjects[0], subjects[1]), "give more of the id")
	case len(subjects) == 0:
		return out, nil
	}
	done, err := n.store.Retry(ctx, subjects...)
	if err != nil {
		return out, err
	}
	err = n.store.View(ctx, func(v *store.View) error {
		for _, s := range done.Cleared {
			o := n.object(v, before[s])
			o.Cleared, o.Waiting = true, 0
			out.Items = append(out.Items, o)
		}
		for _, a := range done.Left {
			out.Items = append(out.Items, n.object(v, a))
		}
		return nil
	})
	return out, err
}

// AsideSentence returns what is set aside, the money at stake and why, without a
// full stop.
func AsideSentence(a api.Aside) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "%s %s", text.Printable(a.Kind), text.Printable(a.ID))
	if a.Currency != "" {
		_, _ = fmt.Fprintf(&b, " over %s at %s (%s", text.FormatMoney(a.Amount, a.Currency), text.Printable(string(a.Merchant)), text.Printable(string(a.State)))
		if a.AmountHeld > 0 {
			_, _ = fmt.Fprintf(&b, ", %s held", text.FormatMoney(a.AmountHeld, a.Currency))
		}
		b.WriteByte(')')
	}
	_, _ = fmt.Fprintf(&b, " has been set aside since %s, after %s: %s", text.Moment(a.Due), text.Count(a.Tries, "failure"), text.Printable(a.Error))
	return b.String()
}
