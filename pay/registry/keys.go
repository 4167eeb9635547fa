package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// merchantKeys makes one payment of all requests of one merchant under one key,
// whichever of its boxes asked. The request that comes first opens the payment.
// A later one opens none: the merchant is told which payment has the key, and
// whether that one was asked for the same.
//
//	first request of a merchant -> merchant-keys    to the merchant
//	request under a key in use  -> key-held, and a refusal for boxes of old
var merchantKeys = feature{
	name:      "keys",
	publishes: []pay.Kind{pay.KindKeys, pay.KindKeyHeld},
	audit:     inspectKeys,
	spaces:    rows.Spaces{keyRows.Space, keyedRows.Space, heldRows.Space},
}

var (
	keyRows = rows.New("y/", "the payment that a merchant's key stands for",
		rows.Join(rows.TextUntil[pay.Scope]("MERCHANT", 0), rows.Text[pay.IdempotencyKey]("KEY")), rows.ID[pay.PaymentID]("PAYMENT"))
	keyedRows = rows.New("z/", "the merchant has its secret; its boxes that have keys of their own",
		rows.Text[pay.Scope]("MERCHANT"), rows.CBOR[keyedRow]())
	heldRows = rows.New("j/", "a request that met its key in use", rows.ID[pay.PaymentID]("REQUEST"), rows.CBOR[heldRow]())
)

// keyedRow says that a merchant's boxes were told their secret. Own are its boxes
// that have keys of their own, from before keys belonged to merchants.
type keyedRow struct {
	Own []pay.NodeID `cbor:"1,keyasint,omitempty"`
}

// heldRow is what became of a request that met its key in use.
type heldRow struct {
	Payment   pay.PaymentID `cbor:"1,keyasint"` // that the key stands for
	Same      bool          `cbor:"2,keyasint,omitempty"`
	Statement pay.FactID    `cbor:"3,keyasint"` // the registry's fact on it
}

// secretOf returns the secret of a merchant's tags. It is the same each time, so
// that no row has to keep it.
func (r *Registry) secretOf(merchant pay.Scope) pay.KeySecret {
	sum := pay.MAC(r.secret[:], append([]byte("paybeacon/1 merchant keys"), merchant...))
	return pay.KeySecret(sum[:len(pay.KeySecret{})])
}

// keyFree reports whether the key of a request is free for the payment that it opens.
// When the key is in use, the request is settled here.
func (t *turn) keyFree(req pay.Opening) (free bool, err error) {
	id := pay.PaymentID(t.in.Fact.ID())
	if held, err := heldRows.Has(t.rows, id); held || err != nil {
		return false, err
	}
	own, err := t.tellSecret(req.Merchant)
	if err != nil {
		return false, err
	}
	holders, err := holdersOf(t.rows, req, append([]pay.NodeID{t.in.Fact.Signer()}, own...))
	if err != nil {
		return false, err
	}
	if len(holders) > 0 {
		return false, t.hold(id, req, holders[0])
	}
	return true, nil
}

// holdersOf returns the payments that a request's key stands for: none or one,
// and more where boxes had keys of their own. boxes are those that had.
func holdersOf(view pay.Rows, req pay.Opening, boxes []pay.NodeID) (found []pay.PaymentID, err error) {
	id, ok, err := keyRows.Get(view, rows.Key(req.Merchant, req.Key))
	if err != nil {
		return nil, err
	}
	if ok {
		found = append(found, id)
	}
	for _, box := range boxes {
		id, ok, err := chargeRows.Get(view, rows.Key(box, req.Key))
		if err != nil {
			return nil, err
		}
		if ok && !slices.Contains(found, id) {
			found = append(found, id)
		}
	}
	return found, nil
}

// tellSecret tells a merchant's boxes their secret, once. It returns those of them
// that have keys of their own.
func (t *turn) tellSecret(merchant pay.Scope) (own []pay.NodeID, err error) {
	row, known, err := keyedRows.Get(t.rows, merchant)
	if known || err != nil {
		return row.Own, err
	}
	err = memberRows.Each(t.rows, memberRows.All(), func(node pay.NodeID, m memberRow) error {
		if m.Status.Scope != merchant {
			return nil
		}
		has, err := hasOwnKeys(t.rows, node)
		if has {
			row.Own = append(row.Own, node)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := keyedRows.Put(t.rows, merchant, row); err != nil {
		return nil, err
	}
	_, err = t.publish(pay.MerchantKeys{Merchant: merchant, Secret: t.secretOf(merchant), At: t.now}, merchant)
	return row.Own, err
}

// hasOwnKeys reports whether a box has keys of its own.
func hasOwnKeys(view pay.Rows, box pay.NodeID) (bool, error) {
	keys, err := chargeRows.Keys(view, rows.Under(chargeRows, box), 1)
	return len(keys) > 0, err
}

// hold states that the key of the request at hand stands for another payment. A
// box that does not know the statement finds a refusal behind it, and does not
// charge again.
func (t *turn) hold(id pay.PaymentID, req pay.Opening, payment pay.PaymentID) error {
	first, ok, err := opening(t.rows, pay.FactID(payment))
	if err == nil && !ok {
		err = fmt.Errorf("payment %s has a key and its request is missing", payment.Short())
	}
	if err != nil {
		return err
	}
	row := heldRow{Payment: payment, Same: req.SameOrder(first)}
	row.Statement, err = t.publish(pay.KeyHeld{Request: id, Payment: payment, Same: row.Same, At: t.now}, req.Merchant)
	if err != nil {
		return err
	}
	if err := heldRows.Put(t.rows, id, row); err != nil {
		return err
	}
	_, err = t.publish(pay.Refusal{Claim: pay.FactID(id), Payment: id, Reason: pay.ReasonKeyUsed, At: t.now}, req.Merchant)
	return err
}

// keyAudit is the part of an audit that looks at keys.
type keyAudit struct {
	*auditor
	told map[pay.Scope]bool
}

func inspectKeys(a *auditor) inspection {
	k := &keyAudit{auditor: a, told: make(map[pay.Scope]bool)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindKeys: reading(func(_ pay.Fact, m pay.MerchantKeys) error {
				if k.told[m.Merchant] = true; m.Secret != a.secretOf(m.Merchant) {
					a.report("the keys of %s are told with a secret that is not the registry's", m.Merchant)
				}
				return nil
			}),
			pay.KindKeyHeld: reading(func(f pay.Fact, h pay.KeyHeld) error { return k.checkHeld(f.ID(), h) }),
		},
		passes: []func(context.Context) error{k.checkRows},
	}
}

// checkHeld holds a statement against the two requests and its row.
func (a *keyAudit) checkHeld(id pay.FactID, h pay.KeyHeld) error {
	later, ok1, err := opening(a.rows, pay.FactID(h.Request))
	if err != nil {
		return err
	}
	first, ok2, err := opening(a.rows, pay.FactID(h.Payment))
	if err != nil {
		return err
	}
	row, kept, err := heldRows.Get(a.rows, h.Request)
	if err != nil && !errors.Is(err, rows.ErrDamaged) {
		return err
	}
	gone := !kept && err == nil
	opened, err := paymentRows.Has(a.rows, h.Request)
	if err != nil {
		return err
	}
	said, err := a.sameAsSaid(first, later, h)
	switch {
	case err != nil:
		return err
	case !ok1 || !ok2 || later.Merchant != first.Merchant || later.Key != first.Key || !said:
		a.report("request %s: its key is not that of payment %s, as it is said to be", h.Request.Short(), h.Payment.Short())
	case opened:
		a.report("request %s: its key was in use and it opened a payment", h.Request.Short())
	case gone:
		a.report("request %s: its key was said to be in use and it has no row", h.Request.Short())
	case kept && row.Statement != id:
		a.report("request %s: two statements say who holds its key", h.Request.Short())
	case row != heldRow{Payment: h.Payment, Same: h.Same, Statement: id}:
		a.report("request %s: its row is not what the registry said of its key", h.Request.Short())
	}
	return nil
}

func (a *keyAudit) checkRows(ctx context.Context) error {
	if err := walk(ctx, a.auditor, heldRows, a.checkHeldRow); err != nil {
		return err
	}
	err := walk(ctx, a.auditor, keyedRows, a.checkKeyed)
	for _, m := range slices.Sorted(maps.Keys(a.told)) {
		a.report("merchant %s: it was told its secret and has no row", m)
	}
	return err
}

// checkKeyed compares the boxes that have keys of their own with those that a
// merchant's row names: a key of one that is left out would pay twice.
func (a *keyAudit) checkKeyed(m pay.Scope, row keyedRow, damage error) error {
	told := a.told[m]
	delete(a.told, m)
	if !told {
		a.report("merchant %s: it has a row and was not told its secret", m)
	}
	own, err := a.boxesWithKeys(m)
	if err != nil || damage != nil { // which checkSpaces reports
		return err
	}
	own, named := slices.Clone(own), slices.Clone(row.Own)
	slices.SortFunc(own, compareIDs)
	slices.SortFunc(named, compareIDs)
	if !slices.Equal(own, named) {
		a.report("merchant %s: its row names other boxes with keys of their own than there are", m)
	}
	return nil
}

// checkHeldRow sees that the registry made the statement that a row names, which one
// that cannot be read does not; checkHeld has compared the two.
func (a *keyAudit) checkHeldRow(id pay.PaymentID, row heldRow, _ error) error {
	f, ok, err := a.rows.Fact(row.Statement)
	if err != nil {
		return err
	}
	h, err := pay.As[pay.KeyHeld](f)
	if !ok || err != nil || h.Request != id || !a.speaks(f, h.At) {
		a.report("request %s: it has a row and nothing was said of its key", id.Short())
	}
	return nil
}

// boxesWithKeys returns the boxes of a merchant that have keys of their own, from
// before keys belonged to merchants.
func (a *auditor) boxesWithKeys(merchant pay.Scope) ([]pay.NodeID, error) {
	if a.ownKeys != nil {
		return a.ownKeys[merchant], nil
	}
	a.ownKeys = make(map[pay.Scope][]pay.NodeID)
	for id, s := range a.nodes {
		if s.Role != pay.RoleBox {
			continue
		}
		has, err := hasOwnKeys(a.rows, id)
		if err != nil {
			return nil, err
		}
		if has {
			a.ownKeys[s.Scope] = append(a.ownKeys[s.Scope], id)
		}
	}
	return a.ownKeys[merchant], nil
}

// checkKey sees that the key of a request stands for the payment that it opened,
// for no other, and that the first decision bears its tags.
func (a *paymentAudit) checkKey(id pay.PaymentID, req pay.Opening, first pay.Decision) error {
	boxes, err := a.boxesWithKeys(req.Merchant)
	if err != nil {
		return err
	}
	holders, err := holdersOf(a.rows, req, boxes)
	if err != nil {
		return err
	}
	if !slices.Contains(holders, id) {
		a.report("payment %s: its key is not kept", id.Short())
	} else {
		a.keys++
	}
	slices.SortFunc(holders, compareIDs)
	if len(holders) > 0 && holders[0] != id {
		a.out.Duplicates++
		a.report("payment %s: its key stands for payment %s", id.Short(), holders[0].Short())
	}
	secret, untagged := a.secretOf(req.Merchant), first.Key == pay.KeyTag{} && first.Order == pay.OrderTag{}
	req.TipMax = first.TipMax // which checkRequest has seen; a registry of old left it out of both
	if !untagged && (first.Key != secret.Key(req.Key) || first.Order != secret.Order(req)) {
		a.report("payment %s: its first decision has the tags of another request", id.Short())
	}
	return nil
}
