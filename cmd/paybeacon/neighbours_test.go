package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// market is two merchants in one air, each with a box, and ada with a tag that
// both hear.
type market struct{ *world }

// stalls are the boxes of a market by their merchants.
var stalls = map[string]string{"cafe": "Corner Cafe", "bar": "Juice Bar"}

func newMarket(t *testing.T, approve string) market {
	t.Helper()
	w := market{emptyWorld(t)}
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "500.00"))
	w.must(w.Start("ada", nil, "wallet", "run", "--data", w.Data("ada"), "--approve", approve))
	_, err := w.Ready("ada")
	w.must(err)
	for box, merchant := range stalls {
		w.must(w.Enrol("reg", box, "scan", "--role", "box", "--name", box, "--merchant", merchant))
		w.must(w.Start(box, nil, "scan", "--data", w.Data(box), "--radio", "air:"+w.Data("air")))
		_, err := w.Ready(box)
		w.must(err)
	}
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	for box := range stalls {
		w.must(w.Until("ada is near "+box, func() (bool, error) {
			return w.Ask(nil, "wait", "--for", "near", "--data", w.Data(box)) == nil, nil
		}))
	}
	return w
}

// charge asks ada for 1.00 at a box, and tries again where her tag just changes
// its code.
func (w market) charge(box, key string) (p api.Payment) {
	w.t.Helper()
	w.must(w.Until("somebody is near "+box, func() (bool, error) {
		err := w.Ask(&p, "till", "charge", "--data", w.Data(box), "--key", key, "--amount", "1.00", "--ttl", "5m")
		if exitOf(err) == pay.ExitNotPaid && p.ID == "" {
			return false, nil
		}
		return true, err
	}))
	return p
}

// answerAll approves by hand what is pending until all of these payments are paid.
func (w market) answerAll(all map[string]string) {
	w.t.Helper()
	paid := map[string]bool{}
	w.must(w.Until(fmt.Sprintf("all of %d are paid", len(all)), func() (bool, error) {
		raw, err := w.Output("wallet", "pending", "--data", w.Data("ada"))
		if err != nil {
			return false, err
		}
		open, err := stage.DecodeLines[api.Payment](raw)
		if err != nil {
			return false, err
		}
		for _, p := range open {
			err := w.Ask(nil, "wallet", "approve", "--data", w.Data("ada"), "--id", p.ID)
			if err != nil && exitOf(err) != pay.ExitConflict {
				return false, fmt.Errorf("approve %s (%s): %w", p.ID[:10], p.Demand, err)
			}
		}
		for id, box := range all {
			if paid[id] {
				continue
			}
			var p api.Payment
			if err := w.Ask(&p, "till", "show", "--data", w.Data(box), "--id", id); err != nil {
				return false, err
			}
			if p.Outcome == pay.OutcomeNotPaid {
				return false, fmt.Errorf("payment %s at the %s is %s (%s)", id[:10], box, p.State, p.Reason)
			}
			paid[id] = p.Outcome == pay.OutcomePaid
		}
		return len(paid) == len(all) && !contains(paid, false), nil
	}))
}

func contains(m map[string]bool, v bool) bool {
	for _, x := range m {
		if x == v {
			return true
		}
	}
	return false
}

// inEarshot lets both merchants charge ada so many times each, by turns, and lets
// her answer. It returns how many of the payments demanded the device.
func (w market) inEarshot(round string, each int) (demands int) {
	w.t.Helper()
	before, all := w.money(), map[string]string{}
	for i := range each {
		for box := range stalls {
			all[w.charge(box, fmt.Sprint(box, "-", round, "-", i)).ID] = box
		}
	}
	w.answerAll(all)
	w.healthy()
	after, sum := w.money(), pay.Amount(each*100)
	if after["Corner Cafe"]-before["Corner Cafe"] != sum || after["Juice Bar"]-before["Juice Bar"] != sum || before["ada"]-after["ada"] != 2*sum {
		w.t.Errorf("%s: accounts were %v and are %v", round, before, after)
	}
	for id, box := range all {
		var p api.Payment
		w.must(w.Ask(&p, "till", "show", "--data", w.Data(box), "--id", id))
		if p.Demand != "" {
			demands++
		}
	}
	return demands
}

// TestTwoMerchantsInEarshot: two merchants charge one tag within the same steps,
// dozens of times. Each charge is paid once ada answers and her device gives its
// word, and none of them is refused. Both merchants and the operator are told.
// Declared neighbours are paid without the device once she answers.
func TestTwoMerchantsInEarshot(t *testing.T) {
	t.Parallel()
	const each = 24
	for name, approve := range map[string]string{"a person answers": "ask", "a rule answers where it may": "all"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newMarket(t, approve)
			declare := func(verb string) {
				w.must(w.Ask(nil, "admin", "neighbours", verb, "--data", w.Data("reg"), "--site", "cafe", "--site", "Juice Bar"))
			}
			declare("add")
			if n := w.inEarshot("declared", each); n != 0 {
				t.Errorf("%d payments of declared neighbours were stepped up", n)
			}
			w.must(w.Until("both merchants know", func() (bool, error) {
				return strings.Contains(w.doctorOf("cafe")["neighbours"], "Juice Bar, bar") && strings.Contains(w.doctorOf("bar")["neighbours"], "Corner Cafe, cafe"), nil
			}))
			if got := w.doctorOf("cafe")["earshot"] + w.doctorOf("reg")["earshot"]; got != "" || w.heardElsewhere() != 0 {
				t.Errorf("declared, and doctor says %q", got)
			}
			declare("remove")
			if n := w.inEarshot("undeclared", each); n == 0 {
				t.Error("nothing was stepped up")
			}
			for _, who := range []string{"cafe", "bar"} {
				if got := w.doctorOf(who)["earshot"]; !strings.Contains(got, "nother place hears your customers") || !strings.Contains(got, "declare you neighbours") {
					t.Errorf("doctor says at the %s: %q", who, got)
				}
			}
			if got := w.doctorOf("reg")["earshot"]; !strings.Contains(got, "Corner Cafe, cafe") || !strings.Contains(got, "Juice Bar, bar") || !strings.Contains(got, "admin neighbours add") {
				t.Errorf("doctor says at the registry: %q", got)
			}
			if n := w.heardElsewhere(); n != 2 {
				t.Errorf("admin nodes names %d boxes whose customers are heard elsewhere", n)
			}
		})
	}
}

// heardElsewhere counts the boxes of which admin nodes says that their customers
// are heard elsewhere.
func (w market) heardElsewhere() (n int) {
	w.t.Helper()
	raw, err := w.Output("admin", "nodes", "--data", w.Data("reg"))
	w.must(err)
	nodes, err := stage.DecodeLines[api.Node](raw)
	w.must(err)
	for _, x := range nodes {
		if len(x.Earshot) > 0 {
			n++
		}
	}
	return n
}

// TestDeclareNeighbours is what the operator types.
func TestDeclareNeighbours(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.startRegistry(nil)
	for box, merchant := range stalls {
		w.must(w.Enrol("reg", box, "scan", "--role", "box", "--name", box, "--merchant", merchant))
	}
	w.must(w.Enrol("reg", "bar-2", "scan", "--role", "box", "--name", "bar", "--merchant", "Wine Bar"))
	list := func() int {
		raw, err := w.Output("admin", "neighbours", "list", "--data", w.Data("reg"))
		w.must(err)
		all, err := stage.DecodeLines[api.Neighbours](raw)
		w.must(err)
		for _, n := range all {
			if n.Type != "neighbours" || !n.Declared || n.A.Site == "" || n.B.Merchant == "" {
				t.Errorf("listed is %+v", n)
			}
		}
		return len(all)
	}
	for _, c := range []struct {
		verb  string
		sites []string
		exit  pay.Exit
		after int
	}{
		{"remove", []string{"cafe", "Juice Bar"}, pay.ExitDone, 0},
		{"add", []string{"cafe", "nowhere"}, pay.ExitNotFound, 0},
		{"add", []string{"cafe", "bar"}, pay.ExitConflict, 0}, // two bars have that site
		{"add", []string{"cafe", "Corner Cafe"}, pay.ExitUsage, 0},
		{"add", []string{"cafe"}, pay.ExitUsage, 0},
		{"add", []string{"cafe", "Juice Bar", "Wine Bar"}, pay.ExitUsage, 0},
		{"add", []string{"cafe", " "}, pay.ExitUsage, 0},
		{"add", []string{"cafe", "Juice Bar/bar"}, pay.ExitDone, 1},
		{"add", []string{"Juice Bar", "Corner Cafe/cafe"}, pay.ExitDone, 1},
		{"add", []string{"cafe", "Wine Bar"}, pay.ExitDone, 2},
		{"remove", []string{"Juice Bar", "cafe"}, pay.ExitDone, 1},
		{"remove", []string{"Juice Bar", "cafe"}, pay.ExitDone, 1},
	} {
		args := []string{"admin", "neighbours", c.verb, "--data", w.Data("reg")}
		for _, s := range c.sites {
			args = append(args, "--site", s)
		}
		if err := w.Ask(nil, args...); exitOf(err) != c.exit || list() != c.after {
			t.Errorf("%s %q: %v, %d are declared; want exit %d and %d", c.verb, c.sites, err, list(), c.exit, c.after)
		}
	}
	w.audit()
}
