package acquirer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

func TestKeyFollowsFromFacts(t *testing.T) {
	t.Parallel()
	const want = "pb-ad6424fb4e268e9e6a602bf6f220285a9ec72fed" // kept: providers remember it
	key := acquirer.KeyOf(pay.PaymentID{1}, pay.FactID{2}, acquirer.Capture)
	if key != want {
		t.Errorf("the key is %q, registries of old made %q", key, want)
	}
	seen := map[acquirer.Key]bool{key: true}
	for _, other := range []acquirer.Key{
		acquirer.KeyOf(pay.PaymentID{2}, pay.FactID{2}, acquirer.Capture),
		acquirer.KeyOf(pay.PaymentID{1}, pay.FactID{1}, acquirer.Capture),
		acquirer.KeyOf(pay.PaymentID{1}, pay.FactID{2}, acquirer.Void),
	} {
		if seen[other] {
			t.Error("two calls have one key")
		}
		seen[other] = true
	}
}

func good() acquirer.Call {
	return acquirer.Call{
		Verb: acquirer.Capture, Key: acquirer.KeyOf(pay.PaymentID{1}, pay.FactID{2}, acquirer.Capture),
		Payment: pay.PaymentID{1}, Amount: 1200, Currency: "EUR", Of: "pi_1",
	}
}

func TestCallIsChecked(t *testing.T) {
	t.Parallel()
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for name, bend := range map[string]func(*acquirer.Call){
		"no verb":                      func(c *acquirer.Call) { c.Verb = "" },
		"another verb":                 func(c *acquirer.Call) { c.Verb = "settle" },
		"no key":                       func(c *acquirer.Call) { c.Key = "" },
		"a key of somebody's own":      func(c *acquirer.Call) { c.Key = "order-17" },
		"no payment":                   func(c *acquirer.Call) { c.Payment = pay.PaymentID{} },
		"nothing to pay":               func(c *acquirer.Call) { c.Amount = 0 },
		"less than nothing":            func(c *acquirer.Call) { c.Amount = -1 },
		"more than there is":           func(c *acquirer.Call) { c.Amount = pay.AmountMax + 1 },
		"no currency":                  func(c *acquirer.Call) { c.Currency = "" },
		"no authorisation":             func(c *acquirer.Call) { c.Of = "" },
		"a blank in the reference":     func(c *acquirer.Call) { c.Of = "pi 1" },
		"a reference that is too long": func(c *acquirer.Call) { c.Of = acquirer.Reference(strings.Repeat("x", pay.ReferenceBytesMax+1)) },
		"an authorisation of another":  func(c *acquirer.Call) { c.Verb = acquirer.Authorise },
	} {
		c := good()
		bend(&c)
		if err := c.Check(); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}

func TestAnswerThatDoesNotFitIsAContradiction(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a    acquirer.Answer
		fits bool
	}{
		"approved":                 {acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1200}, true},
		"declined":                 {acquirer.Decline("insufficient_funds"), true},
		"nothing at all":           {acquirer.Answer{}, false},
		"approved for less":        {acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1100}, false},
		"approved for more":        {acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1300}, false},
		"approved without a name":  {acquirer.Answer{Approved: true, Amount: 1200}, false},
		"approved, and why not":    {acquirer.Answer{Approved: true, Reference: "pi_1", Amount: 1200, Reason: "x"}, false},
		"declined, and a name":     {acquirer.Answer{Reference: "pi_1", Reason: "x"}, false},
		"declined, and an amount":  {acquirer.Answer{Amount: 1200, Reason: "x"}, false},
		"declined for odd reasons": {acquirer.Answer{Reason: "Not today!"}, false},
	} {
		if err := tc.a.Check(good()); (err == nil) != tc.fits || (err != nil && !errors.Is(err, acquirer.ErrContradicts)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReasonIsShortAndPlain(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]pay.Reason{
		"insufficient_funds": "insufficient_funds", "withdrawal_count_limit_exceeded": "withdrawal_count_limit_exceeded",
		"": acquirer.ReasonDeclined, "Your card was declined.": acquirer.ReasonDeclined, strings.Repeat("x", 33): acquirer.ReasonDeclined,
	} {
		if got := acquirer.ReasonOf(code); got != want {
			t.Errorf("%q became %q", code, got)
		}
	}
}
