package wallet_test

import (
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// counting counts the rows that are read.
type counting struct {
	*rows
	read int
}

func (c *counting) Get(key []byte) ([]byte, bool, error) {
	c.read++
	return c.rows.Get(key)
}

func (c *counting) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	return c.rows.Scan(from, to, limit, func(key, value []byte) bool {
		c.read++
		return fn(key, value)
	})
}

// TestPagesHoldEverythingOnceAndCostWhatTheyHold reads lists page by page.
func TestPagesHoldEverythingOnceAndCostWhatTheyHold(t *testing.T) {
	t.Parallel()
	const size = 7
	cost := map[string][]int{} // of the first page, by the list
	for _, offers := range []byte{0, 1, size, size + 1, 30, 200} {
		w := newWorld(t, wallet.Rule{Kind: wallet.Ask})
		var want []string
		for n := range offers {
			o := w.offer(n, 100, "EUR")
			w.deliver(o)
			want = append(want, pay.PaymentID{n, 0xaa}.String())
		}
		view := &counting{rows: w.rows}
		pages := map[string]func(before string) (ids []string, next string, err error){
			"pending": func(before string) (ids []string, after string, err error) {
				list, next, err := w.wallet.PendingPage(view, w.now, history.Page{Limit: size, Before: before})
				for _, e := range list {
					ids = append(ids, e.ID.String())
				}
				if !next.IsZero() {
					after = next.String()
				}
				return ids, after, err
			},
		}
		for name, page := range pages {
			var got []string
			for before, first := "", true; ; first = false {
				view.read = 0
				ids, next, err := page(before)
				if err != nil || len(ids) > size || (next != "" && len(ids) < size) {
					t.Fatalf("%d %s: a page of %d, next %q, %v", offers, name, len(ids), next, err)
				}
				if first && offers > size {
					cost[name] = append(cost[name], view.read)
				}
				if got = append(got, ids...); next == "" {
					break
				}
				before = next
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%d %s: the pages hold %d, want each once", offers, name, len(got))
			}
		}
	}
	t.Logf("rows read for a page of %d: %v", size, cost)
	for name, c := range cost {
		if slices.Max(c) != slices.Min(c) {
			t.Errorf("%s: a page of %d reads %v rows as the list grows", name, size, c)
		}
	}
}

func TestDevicesComeInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.Ask})
	for n := byte(30); n < 50; n++ {
		w.mustPair(n)
	}
	all, err := w.wallet.Devices(w.rows)
	if err != nil || len(all) != 20 {
		t.Fatalf("%d devices, %v", len(all), err)
	}
	for _, size := range []int{1, 3, 19, 20, 21, 0} {
		var got []pay.DeviceID
		for before := ""; ; {
			list, more, err := w.wallet.DevicesPage(w.rows, history.Page{Limit: size, Before: before})
			if err != nil || size > 0 && len(list) > size {
				t.Fatalf("pages of %d: %d devices, %v", size, len(list), err)
			}
			for _, d := range list {
				got = append(got, d.ID)
			}
			if !more {
				break
			}
			before = list[len(list)-1].ID.String()
		}
		if len(got) != len(all) || !slices.IsSortedFunc(got, func(a, b pay.DeviceID) int { return slices.Compare(a[:], b[:]) }) {
			t.Errorf("pages of %d hold %d devices", size, len(got))
		}
	}
	_, _, err = w.wallet.DevicesPage(w.rows, history.Page{Before: "nothing"})
	wantCode(t, err, pay.CodeUsage)
}
