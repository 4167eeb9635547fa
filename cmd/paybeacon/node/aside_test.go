package node

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
)

// What is set aside is named with the money that is at stake.
func TestAsideSentence(t *testing.T) {
	t.Parallel()
	at := api.Aside{Due: "2026-11-28T12:00:00.000Z", Tries: 1, Error: "no\x1b such row"}
	with := func(change func(a *api.Aside)) api.Aside {
		a := at
		change(&a)
		return a
	}
	for name, tc := range map[string]struct {
		aside api.Aside
		want  string
	}{
		"asked": {
			with(func(a *api.Aside) {
				a.Kind, a.ID, a.State, a.Amount, a.Currency, a.Merchant = "payment", "ab12", pay.StateOffered, 400, "EUR", "Cafe"
			}),
			"payment ab12 over 4.00 EUR at Cafe (offered) has been set aside since 2026-11-28T12:00:00Z, after 1 failure: no\uFFFD such row",
		},
		"held": {
			with(func(a *api.Aside) {
				a.Kind, a.ID, a.State, a.Amount, a.AmountHeld, a.Currency, a.Merchant, a.Tries = "payment", "ab12", "held", 400, 250, "EUR", "Cafe", 3
			}),
			"payment ab12 over 4.00 EUR at Cafe (held, 2.50 EUR held) has been set aside since 2026-11-28T12:00:00Z, after 3 failures: no\uFFFD such row",
		},
		"payment that cannot be read": {
			with(func(a *api.Aside) { a.Kind, a.ID = "payment", "ab12" }),
			"payment ab12 has been set aside since 2026-11-28T12:00:00Z, after 1 failure: no\uFFFD such row",
		},
		"device": {
			with(func(a *api.Aside) { a.Kind, a.ID = "device", "d:ab12" }),
			"device d:ab12 has been set aside since 2026-11-28T12:00:00Z, after 1 failure: no\uFFFD such row",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := AsideSentence(tc.aside); got != tc.want {
				t.Errorf("have %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestSubjectsAreNamedByTheirBeginning(t *testing.T) {
	t.Parallel()
	s := pay.PaymentID{0xab, 0x12}.Subject()
	for start, want := range map[string]bool{"": true, "p:": true, "p:ab1": true, "ab12": true, s.String(): true, "d:ab": false, "b12": false} {
		if got := process.StartsSubject(s, start); got != want {
			t.Errorf("%q: %v", start, got)
		}
	}
}
