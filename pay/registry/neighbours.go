package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// neighbours are places that hear one another's customers. The registry counts the
// codes that two places heard within one step, tells both merchants and the
// operator, and does as the operator declares: what a declared neighbour hears is
// no sign that a code was carried. That rules alone pay at one place within a step
// stays as it is.
var neighbours = feature{
	name:      "neighbours",
	publishes: []pay.Kind{pay.KindNeighbours, pay.KindEarshot},
	audit:     inspectNeighbours,
	spaces:    rows.Spaces{heardRows.Space, neighbourRows.Space, earshotRows.Space, toldRows.Space},
}

var (
	neighbourRows = rows.New("g/", "two places that were declared neighbours", pairCodec(), rows.CBOR[neighbourRow]())
	earshotRows   = rows.New("x/", "how many codes two places both heard", pairCodec(), rows.CBOR[earshotRow]())
	toldRows      = rows.New("l/", "when a merchant was last told that another place hears its customers",
		rows.Join(rows.TextUntil[pay.Scope]("MERCHANT", 0), rows.Text[pay.Name]("SITE")), rows.CBOR[pay.Time]())
)

// neighbourRow is the registry's last statement on two places.
type neighbourRow struct {
	Statement pay.FactID     `cbor:"1,keyasint"`
	Said      pay.Neighbours `cbor:"2,keyasint"`
}

// earshotRow counts the codes that two places both heard.
type earshotRow struct {
	Codes uint32    `cbor:"1,keyasint"`
	First pay.Time  `cbor:"2,keyasint"`
	Last  pay.Time  `cbor:"3,keyasint"`
	A     pay.Place `cbor:"4,keyasint"`
	B     pay.Place `cbor:"5,keyasint"`
}

// spot is a place as it stands in a key.
type spot struct {
	Merchant pay.Scope
	Site     pay.Name
}

// pair is two places, the lesser one first.
type pair struct{ A, B spot }

func pairOf(a, b spot) pair {
	if cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Site, b.Site)) > 0 {
		a, b = b, a
	}
	return pair{a, b}
}

func spotOf(p pay.Place) spot { return spot{p.Merchant, p.Site} }

// pairCodec writes a pair as four texts with a zero byte between. No name holds
// one, because it cannot be printed.
func pairCodec() rows.Codec[pair] {
	return rows.NewCodec("PAIR", func(dst []byte, p pair) []byte {
		return append(dst, strings.Join([]string{string(p.A.Merchant), string(p.A.Site), string(p.B.Merchant), string(p.B.Site)}, "\x00")...)
	}, func(raw []byte) (p pair, rest []byte, err error) {
		part := strings.Split(string(raw), "\x00")
		if len(part) != 4 {
			return p, nil, errors.New("a pair of places has four names")
		}
		return pair{spot{pay.Scope(part[0]), pay.Name(part[1])}, spot{pay.Scope(part[2]), pay.Name(part[3])}}, nil, nil
	})
}

// areNeighbours reports whether two places are declared neighbours.
func (t *turn) areNeighbours(a, b place) (bool, error) {
	row, ok, err := neighbourRows.Get(t.rows, pairOf(spot{a.Merchant, a.Site}, spot{b.Merchant, b.Site}))
	return ok && !row.Said.Ended, err
}

// noteEarshot counts a code that was heard here and elsewhere, and tells both
// merchants.
func (t *turn) noteEarshot(f found) error {
	for _, p := range f.places.places() {
		near, err := t.areNeighbours(p, f.here)
		if err != nil {
			return err
		}
		if near || p.at(f.here) {
			continue
		}
		key := pairOf(spot{p.Merchant, p.Site}, spot{f.here.Merchant, f.here.Site})
		row, ok, err := earshotRows.Get(t.rows, key)
		if err != nil {
			return err
		}
		if !ok {
			if row, err = t.newEarshot(p, f.here); err != nil {
				return err
			}
		}
		row.Last = t.now
		row.Codes++
		if err := earshotRows.Put(t.rows, key, row); err != nil {
			return err
		}
		for _, place := range []place{p, f.here} {
			if err := t.tellEarshot(place, row.Codes); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *turn) newEarshot(a, b place) (row earshotRow, err error) {
	if row.A, err = placeOf(t.rows, a); err == nil {
		row.B, err = placeOf(t.rows, b)
	}
	row.First = t.now
	return row, err
}

// placeOf returns a place with its merchant's name, which its box was invited with.
func placeOf(view pay.Rows, p place) (pay.Place, error) {
	box, _, err := memberRows.Get(view, p.Box)
	return pay.Place{Merchant: p.Merchant, MerchantName: box.Status.MerchantName, Site: p.Site}, err
}

func (t *turn) tellEarshot(p place, codes uint32) error {
	key := rows.Key(p.Merchant, p.Site)
	last, told, err := toldRows.Get(t.rows, key)
	if err != nil || (told && t.now.Sub(last) < pay.EarshotEvery && !ahead(last, t.now)) {
		return err
	}
	if err := toldRows.Put(t.rows, key, t.now); err != nil {
		return err
	}
	_, err = t.publish(pay.Earshot{Merchant: p.Merchant, Site: p.Site, Codes: codes, At: t.now}, p.Merchant)
	return err
}

// Earshot is two places that both heard codes of the same customers.
type Earshot struct {
	A, B        pay.Place
	Codes       uint32
	First, Last pay.Time
}

// Earshot returns the pairs of places that heard codes of the same customers
// lately and are no declared neighbours, at most pay.ListMax. Its errors are the
// store's, or wrap rows.ErrDamaged.
func (r *Registry) Earshot(view pay.Rows, now pay.Time) (list []Earshot, err error) {
	err = earshotRows.Each(view, earshotRows.All(), func(key pair, row earshotRow) error {
		declared, ok, err := neighbourRows.Get(view, key)
		if err != nil || (ok && !declared.Said.Ended) || now.Sub(row.Last) >= pay.EarshotKept || len(list) == pay.ListMax {
			return err
		}
		list = append(list, Earshot{A: row.A, B: row.B, Codes: row.Codes, First: row.First, Last: row.Last})
		return nil
	})
	return list, err
}

// Neighbours returns the declared neighbours, at most pay.ListMax pairs. Its errors
// are the store's, or wrap rows.ErrDamaged.
func (r *Registry) Neighbours(view pay.Rows) (list []pay.Neighbours, err error) {
	err = neighbourRows.Each(view, neighbourRows.All(), func(_ pair, row neighbourRow) error {
		if !row.Said.Ended && len(list) < pay.ListMax {
			list = append(list, row.Said)
		}
		return nil
	})
	return list, err
}

// DeclareNeighbours declares two places to be neighbours, or ends that, and
// publishes it to both merchants and in the registry's own feed. Declaring what is
// declared changes nothing, and neither does ending what is not. The same place
// twice is a *pay.Error with pay.CodeUsage. Any other error is the store's, or
// wraps pay.ErrCannotSign.
func (r *Registry) DeclareNeighbours(tx pay.WritableRows, now pay.Time, a, b pay.Place, end bool) (pay.Neighbours, pay.Reaction, error) {
	said := pay.Neighbours{A: a, B: b, Ended: end, At: now}
	if a.Is(b) {
		return said, pay.Reaction{}, pay.NewCase(pay.CodeUsage, "neighbours_same", "declare neighbours: both are the same place")
	}
	key := pairOf(spotOf(a), spotOf(b))
	row, ok, err := neighbourRows.Get(tx, key)
	switch {
	case err != nil:
		return said, pay.Reaction{}, fmt.Errorf("declare neighbours: %w", err)
	case ok && row.Said.Ended == end, !ok && end:
		said.At = cmp.Or(row.Said.At, now)
		return said, pay.Reaction{}, nil
	}
	said.At = max(now, row.Said.At+1) // so that the last statement can be told
	scopes := []pay.Scope{pay.ScopeRegistry, a.Merchant}
	if b.Merchant != a.Merchant {
		scopes = append(scopes, b.Merchant)
	}
	published, err := r.sign(now, said, scopes...)
	if err != nil {
		return said, pay.Reaction{}, err
	}
	if err := neighbourRows.Put(tx, key, neighbourRow{Statement: published.Fact.ID(), Said: said}); err != nil {
		return said, pay.Reaction{}, fmt.Errorf("declare neighbours: %w", err)
	}
	return said, pay.Reaction{Publications: []pay.Publication{published}}, nil
}

// FindPlace returns the one place that a person names: by its site, by its
// merchant where that has one site, or by MERCHANT/SITE. Places whose boxes were
// all revoked count only if gone is set. None is a *pay.Error with
// pay.CodeNotFound, several one with pay.CodeConflict that lists them. Any other
// error is that of Members.
func (r *Registry) FindPlace(view pay.Rows, selector string, gone bool) (pay.Place, error) {
	var found []pay.Place
	err := r.Members(view, func(s pay.NodeStatus) error {
		p := pay.Place{Merchant: s.Scope, MerchantName: s.MerchantName, Site: s.Site}
		if s.Role != pay.RoleBox || (s.Revoked && !gone) || len(found) > namedMax {
			return nil
		}
		switch selector {
		case string(s.Site), string(s.MerchantName), string(s.MerchantName + "/" + s.Site):
		default:
			return nil
		}
		for _, known := range found {
			if known.Is(p) {
				return nil
			}
		}
		found = append(found, p)
		return nil
	})
	switch {
	case err != nil:
		return pay.Place{}, fmt.Errorf("find site: %w", err)
	case len(found) == 0:
		return pay.Place{}, pay.NewCase(pay.CodeNotFound, "site_unknown", fmt.Sprintf("find site: no box stands at %q", selector))
	case len(found) > 1:
		list := make([]string, 0, len(found))
		for _, p := range found {
			list = append(list, string(p.MerchantName+"/"+p.Site))
		}
		return pay.Place{}, pay.NewCase(pay.CodeConflict, "site_ambiguous", fmt.Sprintf("find site: %q means several: %s", selector, strings.Join(list, "; ")))
	}
	return found[0], nil
}

// neighbourAudit is the part of an audit that looks at declared neighbours.
type neighbourAudit struct {
	*auditor
	said map[pair]neighbourRow // the registry's last statement on each
}

func inspectNeighbours(a *auditor) inspection {
	n := &neighbourAudit{auditor: a, said: make(map[pair]neighbourRow)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindNeighbours: reading(func(f pay.Fact, s pay.Neighbours) error {
				key := pairOf(spotOf(s.A), spotOf(s.B))
				if old, ok := n.said[key]; !ok || s.At > old.Said.At {
					n.said[key] = neighbourRow{Statement: f.ID(), Said: s}
				}
				return nil
			}),
		},
		passes: []func(context.Context) error{n.checkRows},
	}
}

func (a *neighbourAudit) checkRows(ctx context.Context) error {
	err := walk(ctx, a.auditor, neighbourRows, func(key pair, row neighbourRow, damage error) error {
		if said, ok := a.said[key]; damage != nil || !ok || said != row {
			a.report("neighbours %s and %s: their row is not what the registry last said of them", key.A.Site, key.B.Site)
		}
		delete(a.said, key)
		return nil
	})
	for key := range a.said {
		a.report("neighbours %s and %s: they were declared and have no row", key.A.Site, key.B.Site)
	}
	return err
}
