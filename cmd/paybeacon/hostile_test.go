package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// insider is an enrolled node that runs inside the test in place of its own
// daemon: it holds the node's real key and store, and says what the test wants.
type insider struct {
	w      *world
	node   insideNode
	member datadir.Member
	wallet *node.Wallet // nil for a box
}

// insideNode is a box or a wallet whose daemon does not run.
type insideNode interface {
	node.Stored
	Key() pay.Key
	Watch(ctx context.Context, again func() (bool, error)) error
	Connect(ctx context.Context) error
	WaitUp(ctx context.Context) error
}

// insider opens a node whose daemon does not run and connects it.
func (w *world) insider(name string) *insider {
	w.t.Helper()
	env, err := process.EnvOf(datadir.Dir(w.Data(name)), io.Discard)
	w.must(err)
	i := &insider{w: w}
	i.member, err = env.Dir.LoadMember()
	w.must(err)
	if i.member.Role == pay.RoleWallet {
		i.wallet, err = node.OpenWallet(w.Ctx, node.WalletOptions{Env: env})
		w.must(err)
		i.node = i.wallet
	} else {
		i.node, err = node.OpenBox(w.Ctx, node.BoxOptions{Env: env})
		w.must(err)
	}
	ctx, stop := context.WithCancel(w.Ctx)
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return i.node.Store().Run(ctx) })
	parts.Go(func() error { return i.node.Connect(ctx) })
	w.t.Cleanup(func() {
		stop()
		if err := parts.Wait(); err != nil {
			w.t.Errorf("insider %s: %v", name, err)
		}
		i.node.Close()
	})
	w.must(i.node.WaitUp(w.Ctx))
	return i
}

// refused states a body under the insider's key and returns why the registry
// refused it, once the signed refusal stands in the insider's own feed.
func (i *insider) refused(what string, body pay.Body) (why pay.Reason) {
	i.w.t.Helper()
	claim, err := pay.Sign(i.node.Key(), body)
	i.w.must(err)
	i.w.must(i.node.Store().Do(i.w.Ctx, func(tx *store.Tx) error {
		return tx.Publish(pay.Reaction{Publications: []pay.Publication{{Fact: claim}}})
	}))
	ctx, cancel := context.WithTimeout(i.w.Ctx, lineTimeout)
	defer cancel()
	err = i.node.Watch(ctx, func() (bool, error) {
		err := i.node.Store().View(ctx, func(v *store.View) error {
			return v.Entries(i.member.Scope, 0, 0, func(_ uint64, f pay.Fact) error {
				if no, err := pay.As[pay.Refusal](f); err == nil && no.Claim == claim.ID() {
					why = no.Reason
				}
				return nil
			})
		})
		return why != "", err
	})
	if err != nil {
		i.w.t.Fatalf("%s: no refusal of the %s: %v", what, body.Kind(), err)
	}
	return why
}

// offer waits until a payment is offered to this wallet and returns the
// decision that offers it.
func (i *insider) offer(id string) (offer pay.FactID, d pay.Decision) {
	i.w.t.Helper()
	i.w.must(i.node.Watch(i.w.Ctx, func() (bool, error) {
		err := i.node.Store().View(i.w.Ctx, func(v *store.View) error {
			return v.Entries(i.member.Scope, 0, 0, func(_ uint64, f pay.Fact) error {
				if have, err := pay.As[pay.Decision](f); err == nil && have.Payment.String() == id {
					offer, d = f.ID(), have
				}
				return nil
			})
		})
		return d.State == pay.StateOffered, err
	}))
	return offer, d
}

// query asks a running daemon over its control socket, without a process of its
// own for the question.
func (w *world) query(name, verb string, request, out any) error {
	reply, err := node.AskDaemon(w.Ctx, datadir.Dir(w.Data(name)), api.Verb[any, json.RawMessage]{Name: verb}, request)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(reply.Value, out)
}

// charge asks whoever is clearly nearest to the box for 1.00 under a key.
func (w *world) charge(key string) api.Payment {
	w.t.Helper()
	var p api.Payment
	q := api.ChargeRequest{Amount: "1.00", Key: pay.IdempotencyKey(key), TTL: 5 * 60_000}
	w.must(w.Until("there is somebody to charge", func() (bool, error) {
		err := w.query("box", "charge", q, &p)
		if code := pay.CodeOf(err); code == pay.CodeNobodyNear || code == pay.CodeAmbiguous {
			return false, nil
		}
		return err == nil, err
	}))
	return p
}

// shown is a payment as the box sees it now.
func (w *world) shown(id string) api.Payment {
	w.t.Helper()
	var p api.Payment
	w.must(w.query("box", "show", api.PaymentRef{ID: id}, &p))
	return p
}

// final waits for the last word on a payment.
func (w *world) final(id string) api.Payment {
	w.t.Helper()
	var p api.Payment
	w.must(w.Until("payment "+id[:10]+" is final", func() (bool, error) {
		err := w.query("box", "wait", api.WaitRequest{ID: id, Wait: 1_000}, &p)
		return p.State.Final(), err
	}))
	return p
}

// money is what every account has, by the owner's name.
func (w *world) money() map[string]pay.Amount {
	w.t.Helper()
	var list api.List[api.Account]
	w.must(w.query("reg", "book", api.Nothing{}, &list))
	out := map[string]pay.Amount{}
	for _, a := range list.Items {
		out[string(a.Name)] += a.Balance
	}
	return out
}

// healthy requires that the registry lives, has said nothing like a panic, and
// that its books are right.
func (w *world) healthy() api.Audit {
	w.t.Helper()
	if w.ended("reg") {
		w.t.Fatal("the registry died")
	}
	log, err := os.ReadFile(w.Data("reg") + ".log")
	w.must(err)
	if strings.Contains(string(log), "panic") || strings.Contains(string(log), "goroutine ") {
		w.t.Fatal("the registry's log holds a panic")
	}
	var a api.Audit
	w.must(w.query("reg", "audit", api.Nothing{}, &a))
	if !a.OK || a.Imbalance != 0 || a.Duplicates != 0 {
		w.t.Fatalf("audit: %+v", a)
	}
	return a
}

// TestForgedClaimsChangeNothing lets nodes with real keys lie: a wallet about
// what it was shown and about other people's payments, boxes about whose
// requests they make, and both about being the registry. Each lie is refused by
// a signed refusal and moves nothing; afterwards the honest answers still pay
// (method 1.5).
func TestForgedClaimsChangeNothing(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	w.startBox(nil)
	w.must(w.Enrol("reg", "rival", "scan", "--role", "box", "--name", "stall", "--merchant", "Rival Stall"))
	w.must(w.Enrol("reg", "second", "scan", "--role", "box", "--name", "second", "--merchant", "Corner Cafe"))
	// Ben comes nearer than ada, so each charge has one clear payer.
	payment := map[string]api.Payment{}
	wallet := map[string]*insider{}
	for _, who := range []struct{ name, rssi string }{{"ada", "-50"}, {"ben", "-35"}} {
		w.startWallet(who.name, nil)
		before := w.nearest()
		w.must(w.Pair(who.name, who.rssi, "--interval", "50ms"))
		w.Stop(who.name)
		w.must(w.Until(who.name+" is clearly nearest", func() (bool, error) {
			now := w.nearest()
			return now != "" && now != before, nil
		}))
		wallet[who.name] = w.insider(who.name)
		payment[who.name] = w.charge(who.name)
	}
	ada, ben := wallet["ada"], wallet["ben"]
	rival, second := w.insider("rival"), w.insider("second")
	offer, d := ada.offer(payment["ada"].ID)
	bensOffer, bensD := ben.offer(payment["ben"].ID)
	before := w.money()

	honest := func(offer pay.FactID, d pay.Decision) pay.Answer {
		return pay.Answer{Payment: d.Payment, Offer: offer, Merchant: d.Merchant, Amount: d.Amount, Currency: d.Currency,
			Expires: d.Expires, Verdict: pay.Approve, By: pay.ByHand, Created: d.At}
	}
	changed := func(change func(*pay.Answer)) pay.Answer {
		a := honest(offer, d)
		change(&a)
		return a
	}
	request := pay.Request{
		Key: "forged", Merchant: d.Merchant, Site: d.Site, Code: pay.Code{1}, Handle: d.Handle, Amount: d.Amount, Currency: d.Currency,
		TTL: pay.RequestTTLDefault, Created: d.At,
	}
	requested := func(merchant pay.Scope, site pay.Name) pay.Request {
		r := request
		r.Merchant, r.Site = merchant, site
		return r
	}
	captured := d
	captured.Prev, captured.Seq, captured.State, captured.Claim, captured.By = offer, 2, pay.StateCaptured, pay.FactID{1}, pay.ByHand

	for _, c := range []struct {
		name string
		by   *insider
		says pay.Body
		want pay.Reason
	}{
		{"a smaller amount", ada, changed(func(a *pay.Answer) { a.Amount-- }), pay.ReasonWrongTerms},
		{"a larger amount", ada, changed(func(a *pay.Answer) { a.Amount++ }), pay.ReasonWrongTerms},
		{"another merchant", ada, changed(func(a *pay.Answer) { a.Merchant = rival.member.Scope }), pay.ReasonWrongTerms},
		{"another currency", ada, changed(func(a *pay.Answer) { a.Currency = "KRW" }), pay.ReasonWrongTerms},
		{"a later expiry", ada, changed(func(a *pay.Answer) { a.Expires++ }), pay.ReasonWrongTerms},
		{"an earlier expiry", ada, changed(func(a *pay.Answer) { a.Expires-- }), pay.ReasonWrongTerms},
		{"the offer of another payment", ada, changed(func(a *pay.Answer) { a.Offer = bensOffer }), pay.ReasonWrongTerms},
		{"the request for an offer", ada, changed(func(a *pay.Answer) { a.Offer = pay.FactID(a.Payment) }), pay.ReasonWrongTerms},
		{"a decline of other terms", ada, changed(func(a *pay.Answer) { a.Amount, a.Verdict = 1, pay.Decline }), pay.ReasonWrongTerms},
		{"a payment that never was", ada, changed(func(a *pay.Answer) { a.Payment = pay.PaymentID{7} }), pay.ReasonUnknownPayment},
		{"ada answers for ben", ada, honest(bensOffer, bensD), pay.ReasonWrongScope},
		{"ben answers for ada", ben, honest(offer, d), pay.ReasonWrongScope},
		{"ben declines for ada", ben, changed(func(a *pay.Answer) { a.Verdict = pay.Decline }), pay.ReasonWrongScope},
		{"a wallet makes a request", ben, request, pay.ReasonWrongRole},
		{"a wallet cancels", ada, pay.Cancel{Payment: d.Payment, Created: d.At}, pay.ReasonWrongRole},
		{"a box answers", rival, honest(offer, d), pay.ReasonWrongRole},
		{"another merchant's box cancels", rival, pay.Cancel{Payment: d.Payment, Created: d.At}, pay.ReasonWrongScope},
		{"another box of the merchant cancels a payment that never was", second, pay.Cancel{Payment: pay.PaymentID{7}, Created: d.At}, pay.ReasonUnknownPayment},
		{"a request in another merchant's name", rival, requested(d.Merchant, rival.member.Site), pay.ReasonWrongScope},
		{"a request from another site", rival, requested(rival.member.Scope, d.Site), pay.ReasonWrongScope},
		{"a request in another currency", rival, func() pay.Body {
			r := requested(rival.member.Scope, rival.member.Site)
			r.Currency = "KRW"
			return r
		}(), pay.ReasonWrongCurrency},
		{"a wallet decides its own payment", ada, captured, pay.ReasonWrongRole},
		{"a box decides that it was paid", rival, captured, pay.ReasonWrongRole},
		{"a wallet tops itself up", ben, pay.TopUp{Wallet: ben.member.Scope, Amount: 1_000_000, Currency: d.Currency, Key: "gift", At: d.At}, pay.ReasonWrongRole},
		{"a wallet refuses in the registry's name", ben, pay.Refusal{Claim: pay.FactID(d.Payment), Payment: d.Payment, Reason: pay.ReasonLateCancel, At: d.At}, pay.ReasonWrongRole},
		{"a wallet gives itself authority", ben, pay.Authority{Root: ben.node.Key().Public(), Working: ben.node.Key().Public(), From: d.At, Until: d.At + 1_000_000}, pay.ReasonWrongRole},
		{"a wallet makes itself a box", ben, pay.NodeStatus{Node: ben.node.Key().Public(), Role: pay.RoleBox, Scope: d.Merchant, Name: "counter", MerchantName: d.MerchantName, Site: d.Site, At: d.At + 1_000_000}, pay.ReasonWrongRole},
		{"a wallet says that a device is its own", ben, pay.DeviceStatus{Device: ada.node.Key().ID(), State: pay.DeviceActive, Type: pay.TypeTag, At: d.At}, pay.ReasonWrongRole},
	} {
		if got := c.by.refused(c.name, c.says); got != c.want {
			t.Errorf("%s: refused as %q, want %q", c.name, got, c.want)
		}
		for who, p := range payment {
			if now := w.shown(p.ID); now.State != pay.StateOffered || now.Seq != 1 || now.Outcome != pay.OutcomePending {
				t.Fatalf("%s: %s's payment is %s with %d decisions", c.name, who, now.State, now.Seq)
			}
		}
	}
	w.healthy()
	if after := w.money(); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Fatalf("money moved from %v to %v", before, after)
	}

	// The honest answers.
	for who, i := range wallet {
		_, err := i.wallet.Answer(w.Ctx, payment[who].ID, pay.Approve, pay.ByHand)
		w.must(err)
		if p := w.final(payment[who].ID); p.State != pay.StateCaptured || p.AmountCaptured != 100 || p.Seq != 2 {
			t.Errorf("%s's honest answer ended %s with %d", who, p.State, p.AmountCaptured)
		}
	}
	if a := w.audit(); a.Payments != 2 {
		t.Errorf("audit counts %d payments, want 2", a.Payments)
	}
	after := w.money()
	if after["ada"] != before["ada"]-100 || after["ben"] != before["ben"]-100 || after["Corner Cafe"] != 200 || after["Rival Stall"] != 0 {
		t.Errorf("money moved from %v to %v", before, after)
	}
}

// nearest is the handle of whoever is clearly nearest to the box, or "".
func (w *world) nearest() pay.Handle {
	w.t.Helper()
	var n api.Nearby
	w.must(w.query("box", "nearby", api.Nothing{}, &n))
	if n.Clear == nil {
		return ""
	}
	return *n.Clear
}
