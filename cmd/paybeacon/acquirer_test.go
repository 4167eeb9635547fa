//go:build crashpoints

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/fakestripe"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// byCard has the wallet ada pay by the simulated acquirer, by this token.
func (w *world) byCard(token string) {
	w.t.Helper()
	w.Stop("reg")
	w.serve = []string{"--acquirer", "sim"}
	w.startRegistry(nil)
	w.connected("ada")
	w.payBy("sim", token)
}

// payBy ties the device of the wallet ada to a means with this token.
func (w *world) payBy(acquirer, token string) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "token")
	w.must(os.WriteFile(file, []byte(token+"\n"), 0o600))
	w.must(w.Ask(nil, "wallet", "means", "add", "--data", w.Data("ada"), "--name", "visa", "--acquirer", acquirer, "--token-file", file))
	var d api.Device
	w.must(w.Ask(&d, "wallet", "devices", "--data", w.Data("ada")))
	w.must(w.Ask(&d, "wallet", "pair", "--data", w.Data("ada"), "--link", d.Link, "--means", "visa"))
	if d.Means != "visa" {
		w.t.Fatalf("the device is %+v", d)
	}
}

// charged returns what the simulated acquirer's own file says of each payment: how often
// it authorised and captured, and how much it took.
func (w *world) charged() map[string]struct{ authorised, captured, amount int } {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.Data("reg"), "sim-provider", "calls.jsonl"))
	w.must(err)
	all := map[string]struct{ authorised, captured, amount int }{}
	for line := range bytes.Lines(raw) {
		var o struct {
			Verb, Payment string
			Amount        int
			Approved      bool
		}
		w.must(json.Unmarshal(line, &o))
		at := all[o.Payment]
		switch {
		case !o.Approved:
		case o.Verb == "authorise":
			at.authorised++
		case o.Verb == "capture":
			at.captured++
			at.amount += o.Amount
		}
		all[o.Payment] = at
	}
	return all
}

// TestKilledAtEveryStepOfACallToAnAcquirer kills the registry between any two steps of a
// payment by an acquirer, brings it back and repeats the charge under its key: the
// acquirer's own books have each payment once, authorised once and captured once.
func TestKilledAtEveryStepOfACallToAnAcquirer(t *testing.T) {
	t.Parallel()
	points := append(store.CrashPoints(), store.CarryCrashPoints()...)
	points = append(points, node.AtBeforeCall, node.AtAfterCall)
	for _, token := range []string{"sim-ok", "sim-lost"} {
		for _, point := range points {
			t.Run(token+" at "+point, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.byCard(token)
				// A payment passes a commit with its request, its approval and each of the
				// two answers of the acquirer, and a call twice.
				died, rounds := 0, 4
				if point != "store.before-commit" && point != "store.after-commit" {
					rounds = 2
				}
				for n := 1; n <= rounds; n++ {
					if w.payAcross("reg", fmt.Sprintf("%s:%d", point, n), fmt.Sprintf("round-%d", n), nil) {
						died++
					}
				}
				if died == 0 {
					t.Errorf("the registry never died at %s", point)
				}
				all := w.charged()
				if len(all) != rounds {
					t.Errorf("the acquirer knows of %d payments, there were %d", len(all), rounds)
				}
				for id, c := range all {
					if c.authorised != 1 || c.captured != 1 || c.amount != 100 {
						t.Errorf("payment %s: %+v", id, c)
					}
				}
				if a := w.audit(); a.Payments != rounds {
					t.Errorf("audit counts %d payments, want %d", a.Payments, rounds)
				}
			})
		}
	}
}

// TestNoCardNumberIsKept offers the number of a card wherever a means takes a text, and
// pays by a token. The number then stands in no store, log or frame; the token stands where
// the wallet and the registry keep it, and nowhere at the merchant's.
func TestNoCardNumberIsKept(t *testing.T) {
	t.Parallel()
	const card, token = "4242424242424242", "sim-ok"
	w := bareWorld(t)
	w.Stop("reg")
	w.serve = []string{"--acquirer", "sim"}
	taps := map[string][]string{}
	for _, name := range []string{"reg", "box", "ada"} {
		taps[name] = []string{"PAYBEACON_TAP=" + w.Data(name+".tap")}
	}
	w.startRegistry(taps["reg"])
	w.startBox(taps["box"])
	w.startWallet("ada", taps["ada"])
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	file := filepath.Join(t.TempDir(), "card")
	for _, written := range []string{card, "4242 4242 4242 4242", "4242-4242-4242-4242\n"} {
		w.must(os.WriteFile(file, []byte(written), 0o600))
		err := w.Ask(nil, "wallet", "means", "add", "--data", w.Data("ada"), "--name", "visa", "--acquirer", "sim", "--token-file", file)
		if exitOf(err) != pay.ExitUsage {
			t.Errorf("%q was taken: %v", written, err)
		}
	}
	if err := w.Ask(nil, "wallet", "means", "add", "--data", w.Data("ada"), "--name", card, "--account"); exitOf(err) != pay.ExitUsage {
		t.Errorf("a name was taken: %v", err)
	}
	w.payBy("sim", token)
	w.waitNear()
	var p api.Payment
	w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "12.00", "--wait", "20s"))
	if p.Outcome != pay.OutcomePaid || p.Acquirer != pay.AcquirerSim {
		t.Fatalf("the payment is %+v", p)
	}
	for _, name := range []string{"ada", "box", "reg"} {
		w.Stop(name)
	}
	w.must(filepath.WalkDir(w.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		raw := read(t, path)
		if filepath.Ext(path) == ".tap" {
			raw = unhexLines(t, path)
		}
		for _, written := range []string{card, "4242 4242", "4242-4242"} {
			if bytes.Contains(raw, []byte(written)) {
				t.Errorf("%s holds the number of a card", path)
			}
		}
		return nil
	}))
	holds := func(name string) (found bool) {
		eachFact(t, w, name, func(f pay.Fact) {
			if bytes.Contains(f.Raw(), []byte(card)) {
				t.Errorf("a %s of %s holds the number of a card", f.Kind(), name)
			}
			found = found || bytes.Contains(f.Raw(), []byte(token))
		})
		return found
	}
	if holds("box") || bytes.Contains(unhexLines(t, w.Data("box.tap")), []byte(token)) {
		t.Error("the merchant's box has the token")
	}
	if !holds("ada") || !holds("reg") || !bytes.Contains(unhexLines(t, w.Data("ada.tap")), []byte(token)) {
		t.Error("the search does not find the token where it is")
	}
}

// TestPaymentsByStripe pays, captures in part, refunds and meets silence, over a server
// that behaves as Stripe publishes. The API key comes from the environment and stands in no
// log.
func TestPaymentsByStripe(t *testing.T) {
	t.Parallel()
	const key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
	server := fakestripe.New(key, time.Now())
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	w := newWorld(t)
	w.Stop("reg")
	w.serve = []string{"--acquirer", "stripe", "--stripe-url", h.URL}
	w.startRegistry([]string{"STRIPE_API_KEY=" + key})
	w.connected("ada")
	w.payBy("stripe", "cus_1/pm_card_visa")
	w.waitNear()
	charge := func(want pay.State, flags ...string) (p api.Payment) {
		t.Helper()
		err := w.Ask(&p, append([]string{"till", "charge", "--data", w.Data("box"), "--wait", "20s"}, flags...)...)
		if p.State != want || p.Acquirer != pay.AcquirerStripe || p.Test == nil || !*p.Test {
			t.Fatalf("the payment is %+v, %v", p, err)
		}
		return p
	}
	charge(pay.StateCaptured, "--amount", "12.00")
	held := charge(pay.StateHeld, "--amount", "30.00", "--capture", "manual")
	w.must(w.Ask(nil, "till", "capture", "--data", w.Data("box"), "--id", held.ID, "--amount", "12.50"))
	w.must(w.Ask(nil, "till", "refund", "--data", w.Data("box"), "--id", held.ID, "--amount", "2.50"))
	w.must(w.Ask(nil, "till", "void", "--data", w.Data("box"), "--id", charge(pay.StateHeld, "--amount", "5.00", "--capture", "manual").ID))

	server.Silence(true)
	p := charge(pay.StateApproved, "--amount", "7.00", "--ttl", "2s")
	if p.Outcome != pay.OutcomeUnknown || p.SafeToRetry {
		t.Errorf("without an answer it is %+v", p)
	}
	server.Silence(false)
	w.must(w.Until("the payment is settled", func() (bool, error) {
		_ = w.Ask(&p, "till", "show", "--data", w.Data("box"), "--id", p.ID)
		return p.Outcome == pay.OutcomePaid, nil
	}))

	w.payBy("stripe", "pm_card_visa_chargeDeclinedInsufficientFunds")
	if p := charge(pay.StateFailed, "--amount", "3.00"); p.Reason != pay.ReasonInsufficientFunds {
		t.Errorf("declined for %q", p.Reason)
	}
	var got []string
	for _, pi := range server.Intents() {
		got = append(got, fmt.Sprintf("%s %d", pi.Status, pi.AmountReceived))
	}
	if want := []string{"succeeded 1200", "succeeded 1250", "canceled 0", "succeeded 700", "requires_payment_method 0"}; !slices.Equal(got, want) {
		t.Errorf("its books say %q, want %q", got, want)
	}
	if r := server.Refunds(); len(r) != 1 || r[0].Amount != 250 {
		t.Errorf("refunds: %+v", r)
	}
	w.audit()
	w.must(filepath.WalkDir(w.Dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && bytes.Contains(read(t, path), []byte(key)) {
			t.Errorf("%s holds the API key", path)
		}
		return err
	}))
}
