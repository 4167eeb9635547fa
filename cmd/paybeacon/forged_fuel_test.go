package main

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// TestForgedCodesReleaseNoPump lets a wallet with real keys lie about what its device said
// of a fuelling, to a running registry and for a running pump: no lie holds anything, the
// pump gives nothing, and the honest code releases it (method 2.4).
func TestForgedCodesReleaseNoPump(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "forecourt", "--merchant", "Hill Station", "--class", "fuel"))
	w.must(w.Start("box", nil, "scan", "--data", w.Data("box"), "--radio", "air:"+w.Data("air"), "--pumps", "sim:"+w.Data("no-such-file")))
	_, err := w.Ready("box")
	w.must(err)
	for _, who := range []string{"ada", "ben"} {
		w.must(w.Enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
		w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", who, "--amount", "100.00"))
		w.startWallet(who, nil)
	}
	w.must(w.PairCar("ada", "-50", "plate=AB-C123,fuel=diesel,tank=55", "--interval", "50ms"))
	w.must(w.PairCar("ben", "-55", "plate=XY-Z789,fuel=diesel,tank=55", "--interval", "50ms"))
	w.must(w.Ask(nil, "till", "fuel", "prices", "--data", w.Data("box"), "--set", "diesel=1.639"))
	w.must(w.Until("both are here", func() (bool, error) {
		var both []api.Vehicle
		for _, plate := range []string{"AB-C123", "XY-Z789"} {
			var v api.Vehicle
			_ = w.Ask(&v, "till", "fuel", "entered", "--data", w.Data("box"), "--plate", plate)
			if v.Plate == plate {
				both = append(both, v)
			}
		}
		return len(both) == 2, nil
	}))
	w.Stop("ada")
	w.Stop("ben")
	ada, ben := w.insider("ada"), w.insider("ben")

	selected := func(plate, pump, key string) api.Fuelling {
		t.Helper()
		var f api.Fuelling
		if err := w.Ask(&f, "till", "fuel", "select", "--data", w.Data("box"), "--plate", plate, "--pump", pump, "--amount", "20.00", "--key", key, "--ttl", "5m", "--wait", "1ms"); exitOf(err) != pay.ExitWaitPassed {
			t.Fatalf("select: %+v, %v", f, err)
		}
		return f
	}
	f, other, bens := selected("AB-C123", "1", "first"), selected("AB-C123", "2", "other"), selected("XY-Z789", "3", "bens")
	offer, d := ada.offer(f.ID)
	ada.offer(other.ID)
	ben.offer(bens.ID)
	x, y, z := ada.witness(f.ID), ada.witness(other.ID), ben.witness(bens.ID)
	right, elses, strangers := ada.code(x.Device, x.Sign), ada.code(y.Device, y.Sign), ben.code(z.Device, z.Sign)
	bent := right
	bent[40] ^= 0x10
	says := func(code pay.AuthCode) pay.Answer {
		return pay.Answer{
			Payment: d.Payment, Offer: offer, Merchant: d.Merchant, Amount: d.Amount, Currency: d.Currency,
			Expires: d.Expires, HoldUntil: d.HoldUntil, Verdict: pay.Approve, By: pay.ByHand, Created: d.At, Code: code,
		}
	}
	for _, c := range []struct {
		name string
		code pay.AuthCode
		want pay.Reason
	}{
		{"none", pay.AuthCode{}, pay.ReasonNeedsDevice},
		{"altered in one bit", bent, pay.ReasonWrongCode},
		{"for another pump", elses, pay.ReasonWrongCode},
		{"another device's", strangers, pay.ReasonWrongCode},
	} {
		if got := ada.refused(c.name, says(c.code)); got != c.want {
			t.Errorf("%s: refused as %q, want %q", c.name, got, c.want)
		}
		var now api.Fuelling
		w.must(w.Ask(&now, "till", "fuel", "show", "--data", w.Data("box"), "--id", f.ID))
		if now.State != "selected" || now.Open {
			t.Fatalf("%s: the fuelling is %+v", c.name, now)
		}
		if err := w.Ask(nil, "pump", "fill", "--data", w.Data("box"), "--pump", "1", "--litres", "5"); exitOf(err) != pay.ExitNotPaid {
			t.Fatalf("%s: the pump gave: %v", c.name, err)
		}
	}
	w.must(ada.node.Store().Do(w.Ctx, func(tx *store.Tx) error {
		_, r, err := ada.wallet.Role().Answer(tx, tx.Now(), f.ID, pay.Approve, pay.ByHand, right)
		if err != nil {
			return err
		}
		return tx.Publish(r)
	}))
	w.must(w.Until("the pump is released", func() (bool, error) {
		var now api.Fuelling
		err := w.Ask(&now, "till", "fuel", "show", "--data", w.Data("box"), "--id", f.ID)
		return now.Open, err
	}))
	w.must(w.Ask(nil, "pump", "fill", "--data", w.Data("box"), "--pump", "1", "--litres", "5"))
	w.must(w.Ask(nil, "pump", "hang", "--data", w.Data("box"), "--pump", "1"))
	w.must(w.Until("it is paid", func() (bool, error) {
		var now api.Fuelling
		err := w.Ask(&now, "till", "fuel", "show", "--data", w.Data("box"), "--id", f.ID)
		return now.State == "paid" && now.Total == 820, err
	}))
	for _, id := range []string{other.ID, bens.ID} {
		w.must(w.Ask(nil, "till", "fuel", "cancel", "--data", w.Data("box"), "--id", id))
	}
}
