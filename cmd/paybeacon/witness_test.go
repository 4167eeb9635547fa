package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestWaitingOfferIsLoggedOnce: why an offer that the owner's rule approves waits
// is told when it is news, and not at each of the many tries.
func TestWaitingOfferIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for name, also := range map[string][]pay.Body{
		"its device is not known": nil,
		"the wallet may not pay":  {notUnderstood{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLoneWallet(t, "all")
			var said bytes.Buffer
			w.log = slog.New(slog.NewTextHandler(&said, nil))
			d := w.offer()
			d.Demand = pay.DemandMerchant
			w.deliver(pay.Challenge{Payment: d.Payment, Device: pay.DeviceID{5}, At: d.At}, d)
			w.deliver(also...)
			for range 3 {
				if left, err := w.witnessAll(t.Context()); left != 1 || err != nil {
					t.Fatalf("%d offers are left, %v", left, err)
				}
			}
			if n := strings.Count(said.String(), "an offer waits"); n != 1 {
				t.Errorf("it is told %d times:\n%s", n, said.String())
			}
		})
	}
}
