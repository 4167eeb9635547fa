package main

import (
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// demand asks for a payment that needs two channels.
func (w *world) demand(key, amount string) api.Payment {
	w.t.Helper()
	w.waitNear()
	var p api.Payment
	w.must(w.query("box", "charge", api.ChargeRequest{Amount: amount, Key: pay.IdempotencyKey(key), TTL: 5 * 60_000, TwoChannel: true}, &p))
	return p
}

// witness returns which device the wallet would ask about a payment, and what.
func (i *insider) witness(id string) (x wallet.Witness) {
	i.w.t.Helper()
	i.w.must(i.node.Store().View(i.w.Ctx, func(v *store.View) (err error) {
		_, x, _, err = i.wallet.Role().Witness(v, id, pay.ByHand, 0)
		return err
	}))
	return x
}

// code has the real device sign something, over its link.
func (i *insider) code(d wallet.Device, a pay.Authentication) pay.AuthCode {
	i.w.t.Helper()
	code, err := link.Authenticate(i.w.Ctx, link.Peer{Address: d.Link, Key: i.node.Key(), Device: d.ID}, a)
	i.w.must(err)
	return code
}

// TestForgedCodesPayNothing lets wallets with real keys lie about the second
// channel to a running registry, with codes that a running device made: each lie
// is refused by a signed refusal and moves nothing, and the honest code pays
// (methods 3.1 to 3.5).
func TestForgedCodesPayNothing(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	w.startBox(nil)
	w.startWallet("ada", nil)
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	w.Stop("ada")
	ada, ben := w.insider("ada"), w.insider("ben")

	p, other := w.demand("first", "1.00"), w.demand("other", "2.00")
	offer, d := ada.offer(p.ID)
	ada.offer(other.ID)
	x, y := ada.witness(p.ID), ada.witness(other.ID)
	right, elses := ada.code(x.Device, x.Sign), ada.code(y.Device, y.Sign)
	cheaper := x.Sign
	cheaper.Amount--
	rival := x.Sign
	rival.Merchant = "m/rival"
	unasked := x.Sign
	unasked.Nonce[3] ^= 1

	says := func(code pay.AuthCode, change ...func(*pay.Answer)) pay.Answer {
		a := pay.Answer{Payment: d.Payment, Offer: offer, Merchant: d.Merchant, Amount: d.Amount, Currency: d.Currency,
			Expires: d.Expires, Verdict: pay.Approve, By: pay.ByHand, Created: d.At, Code: code}
		for _, c := range change {
			c(&a)
		}
		return a
	}
	bent := right
	bent[40] ^= 0x10
	before := w.money()
	for _, c := range []struct {
		name string
		by   *insider
		says pay.Body
		want pay.Reason
	}{
		{"3.1 channel one alone", ada, says(pay.AuthCode{}), pay.ReasonNeedsDevice},
		{"3.2 channel two alone", ada, says(right, func(a *pay.Answer) { a.Payment = pay.PaymentID{7} }), pay.ReasonUnknownPayment},
		{"3.4 brought by another wallet", ben, says(right), pay.ReasonWrongScope},
		{"3.5 altered in one bit", ada, says(bent), pay.ReasonWrongCode},
		{"3.5 made for another request", ada, says(elses), pay.ReasonWrongCode},
		{"3.5 made for another amount", ada, says(ada.code(x.Device, cheaper)), pay.ReasonWrongCode},
		{"3.5 made for another merchant", ada, says(ada.code(x.Device, rival)), pay.ReasonWrongCode},
		{"3.5 made for another challenge", ada, says(ada.code(x.Device, unasked)), pay.ReasonWrongCode},
		{"3.5 and the amount lowered with it", ada, says(ada.code(x.Device, cheaper), func(a *pay.Answer) { a.Amount-- }), pay.ReasonWrongTerms},
	} {
		if got := c.by.refused(c.name, c.says); got != c.want {
			t.Errorf("%s: refused as %q, want %q", c.name, got, c.want)
		}
		for _, id := range []string{p.ID, other.ID} {
			if now := w.shown(id); now.State != pay.StateOffered || now.Seq != 1 {
				t.Fatalf("%s: the payment is %s with %d decisions", c.name, now.State, now.Seq)
			}
		}
	}
	if after := w.money(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Fatalf("money moved from %v to %v", before, after)
	}

	// The same code pays where it belongs, once, and nowhere else afterwards.
	w.must(ada.node.Store().Do(w.Ctx, func(tx *store.Tx) error {
		_, r, err := ada.wallet.Role().Answer(tx, tx.Now(), p.ID, pay.Approve, pay.ByHand, right)
		if err != nil {
			return err
		}
		return tx.Publish(r)
	}))
	if now := w.final(p.ID); now.State != pay.StateCaptured || now.Method != pay.MethodTwoChannel {
		t.Fatalf("the honest code: %s by %s", now.State, now.Method)
	}
	if got := ada.refused("3.5 used once", says(right, func(a *pay.Answer) { a.Created++ })); got != pay.ReasonAlreadyDecided {
		t.Errorf("used once, for the same payment: refused as %q", got)
	}
	third := w.demand("third", "1.00")
	again, d3 := ada.offer(third.ID)
	reused := says(right, func(a *pay.Answer) { a.Payment, a.Offer, a.Expires = d3.Payment, again, d3.Expires })
	if got := ada.refused("3.5 used once", reused); got != pay.ReasonWrongCode {
		t.Errorf("used once, for an equal payment: refused as %q", got)
	}

	// The registry's clock goes on: a code older than its life is late.
	z := ada.witness(third.ID)
	late := says(ada.code(z.Device, z.Sign), func(a *pay.Answer) { a.Payment, a.Offer, a.Expires = d3.Payment, again, d3.Expires })
	w.Stop("reg")
	w.startRegistry([]string{process.ClockEnv + "=+3m", process.BootEnv + "=later"})
	w.must(w.Until("the wallet is back", func() (bool, error) { return ada.wallet.Up(), nil }))
	if got := ada.refused("3.5 older than its life", late); got != pay.ReasonLateAnswer {
		t.Errorf("older than its life: refused as %q", got)
	}
	if now := w.final(third.ID); now.State != pay.StateExpired {
		t.Errorf("the late payment is %s", now.State)
	}
	w.healthy()
	if after := w.money(); after["ada"] != before["ada"]-100 {
		t.Errorf("money moved from %v to %v", before, after)
	}
}
