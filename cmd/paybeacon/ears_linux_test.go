package main

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// TestTwoAdapters pays at a box with two adapters of BlueZ. Without the second one
// the first goes on alone; without the first one the second still lists who is
// there, and a payer who is named can be charged.
func TestTwoAdapters(t *testing.T) {
	t.Parallel()
	w := newBluezWorld(t)
	w.daemon.SetStrength("hci1", "hci2", -70)
	w.startBluezBox("bluez:hci0+bluez:hci2")
	w.startWallet("ada", nil)
	w.must(w.Start("ada-tag", w.env, "beacon", "run", "--data", w.Data("ada-tag"), "--radio", "bluez:hci1", "--link", "127.0.0.1:0"))
	_, err := w.Ready("ada-tag")
	w.must(err)
	p, err := w.Pairing("ada-tag")
	w.must(err)
	w.must(w.Ask(nil, "wallet", "pair", "--data", w.Data("ada"), "--link", p.Link, "--pin", p.PIN))
	w.pay("4.20")

	w.hci2.Unplug()
	n := w.nearby("the second ear is gone", func(n api.Nearby) bool { return strings.Contains(n.RadioWhy, "the second ear (bluez:hci2) is deaf: ") })
	if n.Radio != api.RadioOK {
		t.Errorf("without the second ear: %+v", n)
	}
	w.pay("1.00")
	w.hci2.Plug()
	w.nearby("the second ear is back", func(n api.Nearby) bool { return n.RadioWhy == "" })

	w.hci0.Unplug()
	n = w.nearby("the first ear is gone", func(n api.Nearby) bool {
		return n.Radio == api.RadioDeaf && strings.Contains(n.RadioWhy, "the second ear (bluez:hci2) still lists who is there") && len(n.Candidates) == 1 && n.Candidates[0].RSSI == -70
	})
	if _, e := w.command("till", "charge", "--data", w.Data("box"), "--amount", "1.00"); n.Clear != nil || e.Code != pay.CodeNobodyNear {
		t.Errorf("without the first ear: %+v, %+v", n, e)
	}
	var named api.Payment
	w.must(w.Ask(&named, "till", "charge", "--data", w.Data("box"), "--amount", "2.00", "--to", string(n.Candidates[0].Handle), "--wait", "20s"))
	if named.Outcome != pay.OutcomePaid {
		t.Errorf("named without the first ear: %+v", named)
	}
	out, e := w.command("doctor", "--data", w.Data("box"))
	if e.Code != pay.CodeRadio || !strings.Contains(string(out), `"name":"two ears","level":"ok"`) {
		t.Errorf("doctor says %+v and\n%s", e, out)
	}
	w.hci0.Plug()
	w.nearby("the first ear is back", func(n api.Nearby) bool { return n.Radio == api.RadioOK && n.RadioWhy == "" })
	w.pay("3.00")
	w.audit()
}
