package till

import (
	"cmp"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// neighbours is what the registry says of other places that hear this merchant's
// customers.
func (t *Till) neighbours() history.Feature {
	return history.Feature{
		Name: "neighbours",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindNeighbours: history.Mirror(noteNeighbours),
			pay.KindEarshot:    history.Mirror(t.noteEarshot),
		},
		Spaces: rows.Spaces{neighbourRows.Space, earshotRows.Space},
	}
}

var (
	neighbourRows = rows.New("n", "what was last declared of two places", rows.Text[string]("PLACES"), rows.CBOR[pay.Neighbours]())
	earshotRows   = rows.New("e", "when another place was last said to hear the customers of a site",
		rows.Text[pay.Name]("SITE"), rows.CBOR[pay.Earshot]())
)

func noteNeighbours(tx pay.WritableRows, _ pay.Fact, n pay.Neighbours) error {
	key := func(p pay.Place) string { return string(p.Merchant) + "\x00" + string(p.Site) }
	a, b := key(n.A), key(n.B)
	if a > b {
		a, b = b, a
	}
	old, known, err := neighbourRows.Get(tx, a+"\x00"+b)
	if err != nil || (known && old.At >= n.At) {
		return err
	}
	return neighbourRows.Put(tx, a+"\x00"+b, n)
}

func (t *Till) noteEarshot(tx pay.WritableRows, _ pay.Fact, e pay.Earshot) error {
	if e.Merchant != t.options.Merchant {
		return nil
	}
	// The last in the feed counts: the registry's clock may have been ahead before.
	return earshotRows.Put(tx, e.Site, e)
}

// Around returns the declared neighbours of this box's site, and the registry's
// last statement that yet another place hears its customers, ok being false where
// there is none from lately. Its errors are the store's.
func (t *Till) Around(view pay.Rows, now pay.Time) (near []pay.Place, e pay.Earshot, ok bool, err error) {
	here := pay.Place{Merchant: t.options.Merchant, Site: t.options.Site}
	var last pay.Time
	err = neighbourRows.Scan(view, neighbourRows.All(), pay.ListMax, func(_ string, n pay.Neighbours) bool {
		other := n.B
		if other.Is(here) {
			other = n.A
		} else if !n.A.Is(here) {
			return true
		}
		if !n.Ended {
			near, last = append(near, other), max(last, n.At)
		}
		return true
	})
	e, ok, more := earshotRows.Get(view, here.Site)
	return near, e, ok && e.At > last && now.Sub(e.At) < pay.EarshotKept, cmp.Or(err, more)
}
