package history

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// authoritiesAtOnce bounds the authorities of one key that a receipt looks at.
// Chosen: a working key has one, and few more when it is renewed.
const authoritiesAtOnce = 64

// AddAuthority keeps a verified authority, so that receipts can enclose it. Its
// errors are the store's, and that of pay.As for a fact of another kind.
func AddAuthority(tx pay.WritableRows, f pay.Fact) error {
	a, err := pay.As[pay.Authority](f)
	if err != nil {
		return err
	}
	key := authorityKey{First: a.Working.ID(), Second: rows.Pair[pay.Time, pay.FactID]{First: a.From, Second: f.ID()}}
	return authorityRows.Put(tx, key, struct{}{})
}

// Receipt returns the receipt file of a payment whose state makes one, paid or
// not. It is the same bytes on every node that holds the same facts: of the
// authorities that cover the decision it encloses the one that began first. Its
// errors are *pay.Error: CodeConflict for a payment that has no receipt yet,
// CodeNotFound when the authority of the key that decided is not here. Any other
// error is the store's.
func Receipt(view pay.Rows, rec Record) ([]byte, error) {
	p := rec.Payment
	if !p.Decision.HasReceipt() {
		return nil, pay.NewCase(pay.CodeConflict, "no_receipt_yet", fmt.Sprintf("payment %s has no receipt yet: it is %s", p.ID.Short(), p.State))
	}
	f, ok, err := view.Fact(p.LastID)
	if err == nil && !ok {
		err = fmt.Errorf("decision %s is named and missing", p.LastID)
	}
	if err != nil {
		return nil, err
	}
	authority, err := AuthorityOf(view, f.Signer(), p.Decision.At)
	if err != nil {
		return nil, err
	}
	return pay.EncodeReceipt(authority, f), nil
}

// AuthorityOf returns the authority under which a working key signed something at
// a moment: of several the one that began first. None is a *pay.Error with
// CodeNotFound; any other error is the store's.
func AuthorityOf(view pay.Rows, working pay.NodeID, at pay.Time) (pay.Fact, error) {
	keys, err := authorityRows.Keys(view, rows.Under(authorityRows, working), authoritiesAtOnce)
	if err != nil {
		return pay.Fact{}, err
	}
	for _, key := range keys {
		f, ok, err := view.Fact(key.Second.Second)
		if err != nil {
			return pay.Fact{}, err
		}
		if !ok {
			continue
		}
		if a, err := pay.As[pay.Authority](f); err == nil && a.Covers(at) {
			return f, nil
		}
	}
	return pay.Fact{}, pay.NewCase(pay.CodeNotFound, "authority_missing", fmt.Sprintf("the authority of the key %s that decided is not here yet", working.Short()))
}
