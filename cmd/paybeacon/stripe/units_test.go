package stripe_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/fakestripe"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stripe"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

// sent is a transport that notes the amount and currency of each form that goes out.
type sent struct {
	http.RoundTripper
	forms []string
}

// RoundTrip implements http.RoundTripper.
func (s *sent) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, err
		}
		s.forms = append(s.forms, strings.TrimSpace(form.Get("amount")+form.Get("amount_to_capture")+" "+form.Get("currency")))
		r.Body = io.NopCloser(strings.NewReader(string(raw)))
	}
	return s.RoundTripper.RoundTrip(r)
}

// TestAmountsAreSentAsStripeCountsThem authorises, captures a part and gives back a part of
// that in currencies of zero, two and three decimals. Stripe publishes
// (https://docs.stripe.com/currencies, "Zero-decimal currencies" and "Three-decimal
// currencies") that 500 yen are 500 and are not multiplied by 100, and that an amount of
// three decimals is in thousandths whose last digit must be 0: 5.124 KWD can only be 5120
// or 5130.
func TestAmountsAreSentAsStripeCountsThem(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		currency                     pay.Currency
		authorise, capture, giveBack string // as people write them
		want                         []string
	}{
		{"EUR", "12.00", "10.50", "0.05", []string{"1200 eur", "1050", "5"}},
		{"JPY", "500", "499", "1", []string{"500 jpy", "499", "1"}},
		{"KRW", "12005", "12000", "5", []string{"12005 krw", "12000", "5"}},
		{"KWD", "5.120", "5.01", "1.000", []string{"5120 kwd", "5010", "1000"}},
	} {
		t.Run(string(tc.currency), func(t *testing.T) {
			t.Parallel()
			a, out := openNoting(t)
			ask := func(n byte, v acquirer.Verb, amount string, of acquirer.Reference) acquirer.Call {
				return inUnits(t, call(n, v, 0, of), amount, tc.currency)
			}
			auth := must(t, a, ask(1, acquirer.Authorise, tc.authorise, "")).Reference
			must(t, a, ask(2, acquirer.Capture, tc.capture, auth))
			must(t, a, ask(3, acquirer.Refund, tc.giveBack, auth))
			if !slices.Equal(out.forms, tc.want) {
				t.Errorf("sent %q, want %q", out.forms, tc.want)
			}
		})
	}
}

// TestAmountOfThreeDecimalsIsNeverRounded: what Stripe cannot take of a dinar is declined
// before it is sent, by whichever verb, and nothing moves. Rounded it would be more or less
// than the payer approved.
func TestAmountOfThreeDecimalsIsNeverRounded(t *testing.T) {
	t.Parallel()
	a, out := openNoting(t)
	auth := must(t, a, inUnits(t, call(1, acquirer.Authorise, 0, ""), "5.120", "KWD")).Reference
	refused := func(n byte, v acquirer.Verb, amount string, of acquirer.Reference) {
		t.Helper()
		before, had := len(out.forms), a.moved(payment)
		c := inUnits(t, call(n, v, 0, of), amount, "KWD")
		got, err := a.Do(t.Context(), c, visa)
		if err != nil || got.Approved || got.Reason != "amount_not_supported" || got.Check(c) != nil {
			t.Errorf("%s %s: %s, %v", v, amount, got, err)
		}
		if len(out.forms) != before || a.moved(payment) != had {
			t.Errorf("%s %s: sent %q; its books say %+v, before %+v", v, amount, out.forms[before:], a.moved(payment), had)
		}
	}
	refused(2, acquirer.Authorise, "5.124", "")
	refused(3, acquirer.Capture, "5.119", auth)
	must(t, a, inUnits(t, call(4, acquirer.Capture, 0, auth), "5.120", "KWD"))
	refused(5, acquirer.Refund, "0.001", auth)
}

// TestTheStandInTakesNoThousandths: an amount of three decimals that does not end in 0 is
// refused by the server too, so that a client that sends one is found out.
func TestTheStandInTakesNoThousandths(t *testing.T) {
	t.Parallel()
	a := open(t)
	for amount, want := range map[string]int{"5120": http.StatusOK, "5124": http.StatusBadRequest} {
		form := url.Values{"amount": {amount}, "currency": {"kwd"}, "capture_method": {"manual"}, "confirm": {"true"}, "payment_method": {"pm_card_visa"}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.url+"/v1/payment_intents", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+apiKey)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", amount, resp.Status)
		}
	}
}

// openNoting is open, with a client whose forms are noted.
func openNoting(t *testing.T) (account, *sent) {
	t.Helper()
	s := fakestripe.New(apiKey, time.Unix(1_795_000_000, 0))
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	out := &sent{RoundTripper: h.Client().Transport}
	c, err := stripe.New(stripe.Options{Key: apiKey, URL: h.URL, Now: s.Now, Transport: out})
	if err != nil {
		t.Fatal(err)
	}
	return account{s, c, h.URL}, out
}

// inUnits returns a call for an amount that people write so.
func inUnits(t *testing.T, c acquirer.Call, amount string, currency pay.Currency) acquirer.Call {
	t.Helper()
	var err error
	if c.Amount, err = text.ParseAmount(amount, currency); err != nil {
		t.Fatal(err)
	}
	c.Currency = currency
	return c
}
