package stripe_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/fakestripe"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stripe"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/acquirer/acquirertest"
)

const (
	apiKey = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
	visa   = pay.Token("cus_NffrFeUfNV2Hib/pm_card_visa")
)

// account is a server on loopback and a client of it.
type account struct {
	*fakestripe.Server
	*stripe.Client
	url string
}

func open(t *testing.T) account {
	t.Helper()
	s := fakestripe.New(apiKey, time.Unix(1_795_000_000, 0))
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return account{s, client(t, h.URL, s.Now), h.URL}
}

func client(t *testing.T, url string, now func() time.Time) *stripe.Client {
	t.Helper()
	c, err := stripe.New(stripe.Options{Key: apiKey, URL: url, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a account) moved(payment pay.PaymentID) (m acquirertest.Moved) {
	for _, pi := range a.Intents() {
		if pi.Metadata["paybeacon_payment"] != payment.String() {
			continue
		}
		if pi.LatestCharge != nil {
			m.Authorisations++
		}
		m.Held += pay.Amount(pi.AmountCapturable)
		m.Captured += pay.Amount(pi.AmountReceived)
	}
	for _, r := range a.Refunds() {
		if r.Metadata["paybeacon_payment"] == payment.String() {
			m.Refunded += pay.Amount(r.Amount)
		}
	}
	return m
}

func TestContract(t *testing.T) {
	t.Parallel()
	acquirertest.Run(t, func(t *testing.T) acquirertest.World {
		a := open(t)
		w := acquirertest.World{
			Acquirer: a.Client, Token: visa,
			Restart: func(t *testing.T) acquirer.Acquirer { return client(t, a.url, a.Now) },
			Lose:    func() { a.Next(fakestripe.FaultLost) },
			Silent:  a.Silence,
			Moved:   a.moved,
		}
		w.Declined.Token, w.Declined.Amount, w.Declined.Reason = "pm_card_visa_chargeDeclinedInsufficientFunds", 1200, "insufficient_funds"
		return w
	})
}

var payment = pay.PaymentID{1}

func call(n byte, v acquirer.Verb, amount pay.Amount, of acquirer.Reference) acquirer.Call {
	return acquirer.Call{Verb: v, Key: acquirer.KeyOf(payment, pay.FactID{n}, v), Payment: payment, Amount: amount, Currency: "EUR", Of: of, Asked: 1_795_000_000_000}
}

// each runs a test for one call of each verb. prepare brings the account to where the call
// can be made; moved is what its books say once it was.
func each(t *testing.T, test func(t *testing.T, a account, c acquirer.Call, before, after acquirertest.Moved)) {
	held, paid := acquirertest.Moved{Authorisations: 1, Held: 1200}, acquirertest.Moved{Authorisations: 1, Captured: 1000}
	back := paid
	back.Refunded = 400
	for name, tc := range map[acquirer.Verb]struct{ before, after acquirertest.Moved }{
		acquirer.Authorise: {acquirertest.Moved{}, held},
		acquirer.Capture:   {held, paid},
		acquirer.Void:      {held, acquirertest.Moved{Authorisations: 1}},
		acquirer.Refund:    {paid, back},
	} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			a := open(t)
			c := call(9, name, 1200, "")
			if name != acquirer.Authorise {
				c.Of = must(t, a, call(1, acquirer.Authorise, 1200, "")).Reference
			}
			switch name {
			case acquirer.Capture:
				c.Amount = 1000
			case acquirer.Refund:
				must(t, a, call(2, acquirer.Capture, 1000, c.Of))
				c.Amount = 400
			}
			test(t, a, c, tc.before, tc.after)
		})
	}
}

func must(t *testing.T, a account, c acquirer.Call) acquirer.Answer {
	t.Helper()
	got, err := a.Do(t.Context(), c, visa)
	if err == nil {
		err = got.Check(c)
	}
	if err != nil || !got.Approved {
		t.Fatalf("%s: %s, %v", c.Verb, got, err)
	}
	return got
}

// TestErrorThatStripeRepeatsForEverIsSettledByItsLists has the first request fail with 500,
// which Stripe keeps under the key: what its lists say counts.
func TestErrorThatStripeRepeatsForEverIsSettledByItsLists(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault fakestripe.Fault
		done  bool
	}{
		"after the work":  {fakestripe.FaultErrorAfter, true},
		"before the work": {fakestripe.FaultErrorBefore, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, a account, c acquirer.Call, before, after acquirertest.Moved) {
				a.Next(tc.fault)
				if got, err := a.Do(t.Context(), c, visa); !errors.Is(err, acquirer.ErrNoAnswer) {
					t.Fatalf("a first 500 was taken for an answer: %s, %v", got, err)
				}
				for range 2 {
					got, err := a.Do(t.Context(), c, visa)
					if err == nil {
						err = got.Check(c)
					}
					if err != nil || got.Approved != tc.done {
						t.Fatalf("%s, %v", got, err)
					}
				}
				want := before
				if tc.done {
					want = after
				}
				if got := a.moved(payment); got != want {
					t.Errorf("its books say %+v, want %+v", got, want)
				}
			})
		})
	}
}

func TestTroubleThatPassesIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakestripe.Fault{
		"overloaded": fakestripe.FaultOverloaded, "too many requests": fakestripe.FaultLimited, "rubbish": fakestripe.FaultRubbish,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, a account, c acquirer.Call, _, after acquirertest.Moved) {
				a.Next(fault)
				if got, err := a.Do(t.Context(), c, visa); !errors.Is(err, acquirer.ErrNoAnswer) {
					t.Fatalf("%s, %v", got, err)
				}
				must(t, a, c)
				if got := a.moved(payment); got != after {
					t.Errorf("its books say %+v, want %+v", got, after)
				}
			})
		})
	}
}

// TestRefundThatIsPendingIsNoAnswerUntilItSucceeds asks under one key, whose answer stays
// what it was at first.
func TestRefundThatIsPendingIsNoAnswerUntilItSucceeds(t *testing.T) {
	t.Parallel()
	a := open(t)
	auth := must(t, a, call(1, acquirer.Authorise, 1200, "")).Reference
	must(t, a, call(2, acquirer.Capture, 1200, auth))
	a.Next(fakestripe.FaultPending)
	c := call(3, acquirer.Refund, 400, auth)
	for range 2 {
		if got, err := a.Do(t.Context(), c, visa); !errors.Is(err, acquirer.ErrNoAnswer) {
			t.Fatalf("%s, %v", got, err)
		}
	}
	a.Pass(2 * time.Hour)
	must(t, a, c)
	if got, want := a.moved(payment), (acquirertest.Moved{Authorisations: 1, Captured: 1200, Refunded: 400}); got != want {
		t.Errorf("its books say %+v", got)
	}
}

// TestKeyThatStripeForgotMovesNothingAgain asks again after two days: Stripe has forgotten
// the key and would take the request for a new one.
func TestKeyThatStripeForgotMovesNothingAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a account, c acquirer.Call, _, after acquirertest.Moved) {
		a.Next(fakestripe.FaultLost)
		if got, err := a.Do(t.Context(), c, visa); !errors.Is(err, acquirer.ErrNoAnswer) {
			t.Fatalf("%s, %v", got, err)
		}
		a.Pass(48 * time.Hour)
		must(t, a, c)
		if got := a.moved(payment); got != after {
			t.Errorf("its books say %+v, want %+v", got, after)
		}
	})
}

// TestKeyOfAClockThatWasAheadMovesNothingAgain: the registry's clock was a day ahead when it
// asked, and is right since. By its date the call is still to come, and Stripe has forgotten
// the key.
func TestKeyOfAClockThatWasAheadMovesNothingAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a account, c acquirer.Call, _, after acquirertest.Moved) {
		c.Asked = c.Asked.Add(pay.MillisOf(24*time.Hour + 50*time.Minute))
		a.Next(fakestripe.FaultLost)
		if got, err := a.Do(t.Context(), c, visa); !errors.Is(err, acquirer.ErrNoAnswer) {
			t.Fatalf("%s, %v", got, err)
		}
		a.Pass(24*time.Hour + 30*time.Minute)
		must(t, a, c)
		if got := a.moved(payment); got != after {
			t.Errorf("its books say %+v, want %+v", got, after)
		}
	})
}

// TestTwoPaymentsUnderOneKeyAreAContradiction forges what Stripe promises not to do.
func TestTwoPaymentsUnderOneKeyAreAContradiction(t *testing.T) {
	t.Parallel()
	a := open(t)
	c := call(1, acquirer.Authorise, 1200, "")
	must(t, a, c)
	a.Pass(48 * time.Hour)
	c.Asked = c.Asked.Add(48 * 3_600_000) // so that the client takes the key for a fresh one
	must(t, a, c)
	c.Asked = c.Asked.Add(-48 * 3_600_000)
	if got, err := a.Look(t.Context(), c, visa); !errors.Is(err, acquirer.ErrContradicts) {
		t.Errorf("%s, %v", got, err)
	}
}

// TestPaymentIsFoundWhenTheClockIsAhead: a registry's clock may have been hours ahead.
func TestPaymentIsFoundWhenTheClockIsAhead(t *testing.T) {
	t.Parallel()
	a := open(t)
	c := call(0, acquirer.Authorise, 1200, "")
	c.Asked = c.Asked.Add(20 * 3_600_000)
	first := must(t, a, c)
	if got, err := a.Look(t.Context(), c, visa); err != nil || got != first {
		t.Errorf("%s, %v, want %s", got, err, first)
	}
}

func TestPaymentIsFoundAmongHundreds(t *testing.T) {
	t.Parallel()
	a := open(t)
	first := must(t, a, call(0, acquirer.Authorise, 1200, ""))
	for i := range 120 {
		must(t, a, call(byte(i+1), acquirer.Authorise, 1200, ""))
	}
	got, err := a.Look(t.Context(), call(0, acquirer.Authorise, 1200, ""), visa)
	if err != nil || got != first {
		t.Errorf("%s, %v, want %s", got, err, first)
	}
}

func TestDeclinesCarryTheReasonOfTheIssuerIfItMayBeShown(t *testing.T) {
	t.Parallel()
	for token, want := range map[pay.Token]pay.Reason{
		"pm_card_visa_chargeDeclined":         "generic_decline",
		"pm_card_visa_chargeDeclinedLostCard": "generic_decline",
		"pm_card_chargeDeclinedExpiredCard":   "expired_card",
		"pm_card_authenticationRequired":      "authentication_required",
		"pm_nobody":                           "invalid_token",
	} {
		a := open(t)
		c := call(1, acquirer.Authorise, 1200, "")
		got, err := a.Do(t.Context(), c, token)
		if err != nil || got.Reason != want || got.Check(c) != nil {
			t.Errorf("%s: %s, %v", string(token), got, err)
		}
	}
	a := open(t)
	for amount, want := range map[pay.Amount]pay.Reason{49: "amount_too_small", 100_000_000: "amount_not_supported"} {
		if got, err := a.Do(t.Context(), call(byte(amount), acquirer.Authorise, amount, ""), visa); err != nil || got.Reason != want {
			t.Errorf("%d: %s, %v", amount, got, err)
		}
	}
}

func TestCurrencyThatStripeCountsOtherwiseIsNotSent(t *testing.T) {
	t.Parallel()
	a := open(t)
	for i, tc := range []struct {
		currency pay.Currency
		amount   pay.Amount
		taken    bool
	}{{"JPY", 500, true}, {"KRW", 5000, true}, {"KWD", 5000, true}, {"KWD", 5001, false}, {"UGX", 5000, false}, {"MGA", 5000, false}, {"ISK", 5000, false}} {
		c := call(byte(i), acquirer.Authorise, tc.amount, "")
		c.Currency = tc.currency
		before := a.Requests()
		got, err := a.Do(t.Context(), c, visa)
		if err != nil || got.Approved != tc.taken || (a.Requests() > before) != tc.taken {
			t.Errorf("%s %d: %s, %v", tc.currency, tc.amount, got, err)
		}
	}
}

func TestKeyThatStripeDoesNotTakeIsNoAnswer(t *testing.T) {
	t.Parallel()
	a := open(t)
	c, err := stripe.New(stripe.Options{Key: "sk_test_another", URL: a.url})
	if err != nil {
		t.Fatal(err)
	}
	_, asked := c.Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), visa)
	_, looked := c.Look(t.Context(), call(1, acquirer.Authorise, 1200, ""), visa)
	for _, err := range []error{asked, looked, c.Ping(t.Context())} {
		if !errors.Is(err, acquirer.ErrNoAnswer) || strings.Contains(err.Error(), "sk_test") || strings.Contains(err.Error(), "cus_") {
			t.Errorf("got %v", err)
		}
	}
}

// TestNothingSecretStandsInAnError breaks the connection in each way there is.
func TestNothingSecretStandsInAnError(t *testing.T) {
	t.Parallel()
	a := open(t)
	a.Silence(true)
	for _, url := range []string{a.url, "http://127.0.0.1:1"} {
		c := client(t, url, a.Now)
		_, asked := c.Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), visa)
		_, looked := c.Look(t.Context(), call(1, acquirer.Authorise, 1200, ""), visa)
		for _, err := range []error{asked, looked, c.Ping(t.Context())} {
			if !errors.Is(err, acquirer.ErrNoAnswer) {
				t.Fatalf("got %v", err)
			}
			for _, secret := range []string{apiKey, "cus_NffrFeUfNV2Hib", "pm_card_visa"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("it shows %s: %v", secret, err)
				}
			}
		}
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	away := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it followed") }))
	t.Cleanup(away.Close)
	here := httptest.NewServer(http.RedirectHandler(away.URL, http.StatusTemporaryRedirect))
	t.Cleanup(here.Close)
	if got, err := client(t, here.URL, nil).Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), visa); !errors.Is(err, acquirer.ErrNoAnswer) {
		t.Errorf("%s, %v", got, err)
	}
}

// TestStripeLearnsNoMoreOfTheMachineThanItNeeds looks at the headers.
func TestStripeLearnsNoMoreOfTheMachineThanItNeeds(t *testing.T) {
	t.Parallel()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(name, "X-") {
				t.Errorf("it says %s: %s", name, r.Header.Get(name))
			}
		}
		if agent := r.Header.Get("User-Agent"); agent != "paybeacon" {
			t.Errorf("it says %s", agent)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(h.Close)
	_, _ = client(t, h.URL, nil).Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), visa)
}

func TestKeyAndAddressAreChecked(t *testing.T) {
	t.Parallel()
	for _, o := range []stripe.Options{
		{Key: ""}, {Key: "pk_test_1"}, {Key: "sk_1"}, {Key: "sk_test_1\n"}, {Key: "whsec_1"},
		{Key: apiKey, URL: "http://stripe.example"}, {Key: apiKey, URL: "api.stripe.com"}, {Key: apiKey, URL: "https://u:p@x"}, {Key: apiKey, URL: "https://x/v1"},
	} {
		if _, err := stripe.New(o); err == nil || (o.Key != "" && strings.Contains(err.Error(), o.Key)) {
			t.Errorf("%q %q: %v", o.Key, o.URL, err)
		}
	}
	for key, live := range map[string]bool{"sk_live_1": true, "rk_live_1": true, "sk_test_1": false, "rk_test_1": false} {
		c, err := stripe.New(stripe.Options{Key: key})
		if err != nil || c.Live() != live {
			t.Errorf("%s: %v", key, err)
		}
	}
}
