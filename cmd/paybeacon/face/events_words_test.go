package face

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// TestSumsInWords shows how much was paid where it is not what was asked for, on a
// receipt and of a payment.
func TestSumsInWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state pay.State
		sums  pay.Sums
		want  string
	}{
		"in full":       {pay.StateCaptured, pay.Sums{Captured: 420}, ""},
		"before sums":   {pay.StateCaptured, pay.Sums{}, ""},
		"in part":       {pay.StateCaptured, pay.Sums{Captured: 300, Released: 120}, "  captured 3.00 EUR of it\n"},
		"partly back":   {"later", pay.Sums{Captured: 300, Refunded: 100}, "  captured 3.00 EUR of it\n  refunded 1.00 EUR\n"},
		"never":         {pay.StateDeclined, pay.Sums{}, ""},
		"all given up":  {"later", pay.Sums{Released: 420}, ""},
		"nothing of it": {pay.StateCaptured, pay.Sums{Held: 420}, "  captured 0.00 EUR of it\n"},
	} {
		d := pay.Decision{Payment: pay.PaymentID{0xCD}, State: c.state, Sums: c.sums, Terms: pay.Terms{Amount: 420, Currency: "EUR"}}
		r := receiptObject("file", pay.Receipt{Decision: d})
		var receipt, payment bytes.Buffer
		printReceipt(&receipt, r)
		printPayment(&payment, api.Payment{
			ID: r.ID, State: r.State, Currency: "EUR", Amount: 420, AmountCaptured: r.Captured, AmountRefunded: r.Refunded,
		}, pay.RoleWallet)
		for _, got := range []string{receipt.String(), payment.String()} {
			var sums strings.Builder
			for line := range strings.Lines(got) {
				if strings.HasPrefix(line, "  captured ") && strings.HasSuffix(line, "of it\n") || strings.HasPrefix(line, "  refunded ") {
					sums.WriteString(line)
				}
			}
			if sums.String() != c.want {
				t.Errorf("%s: %q, want %q in %q", name, sums.String(), c.want, got)
			}
		}
	}
}

// TestEventsInWords shows each kind as the line that a person reads, and as the
// object that a script does.
func TestEventsInWords(t *testing.T) {
	t.Parallel()
	const at = "2025-01-01T12:00:00.000Z"
	wallet := pay.NodeID{0xAB}
	for name, c := range map[string]struct {
		event     api.Event
		want      string
		keys      string // some that must be there
		forbidden string
	}{
		"deaf": {
			api.NewRadioEvent(true, "nothing\x1b[2Jheard", 0, 0), "radio deaf, 0.0 adverts/s: nothing\uFFFD[2Jheard",
			`"kind":"radio","radio":"deaf","radio_why":"nothing\u001b[2Jheard","adverts_per_second":0`, `"state"`,
		},
		"hears": {api.NewRadioEvent(false, "", 9.96, 0), "radio ok, 10.0 adverts/s", `"radio":"ok","radio_why":"","adverts_per_second":10`, `"device_state"`},
		"paired": {
			api.NewDeviceEvent(pay.DeviceActive, wallet), "paired with wallet " + wallet.String()[:10],
			`"kind":"device","wallet":"` + wallet.String() + `","device_state":"active"`, `"radio"`,
		},
		"released": {api.NewDeviceEvent(pay.DeviceRevoked, wallet), "released by wallet " + wallet.String()[:10], `"device_state":"revoked"`, `"radio"`},
		"paid": {
			api.Event{Kind: api.EventPayment, PaymentEvent: api.NewPaymentEvent(pay.Decision{
				Payment: pay.PaymentID{0xCD}, Seq: 2, State: pay.StateCaptured, By: pay.ByHand,
				Terms: pay.Terms{Amount: 420, Currency: "EUR", Handle: "amber-otter", Test: true},
			})}, "payment cd00000000  4.20 EUR  amber-otter  captured, answered by hand  TEST",
			`"state":"captured","outcome":"paid","safe_to_retry":false`, `"radio"`,
		},
		"paid in part": {
			api.Event{Kind: api.EventPayment, PaymentEvent: api.NewPaymentEvent(pay.Decision{
				Payment: pay.PaymentID{0xCD}, Seq: 3, State: pay.StateCaptured, Sums: pay.Sums{Captured: 300, Held: 120},
				Terms: pay.Terms{Amount: 420, Currency: "EUR", Handle: "amber-otter"},
			})}, "payment cd00000000  4.20 EUR  amber-otter  captured, 3.00 EUR of it, 1.20 EUR held", `"amount":420,"amount_held":120,"amount_captured":300,`, `"radio"`,
		},
		"not paid": {
			api.Event{Kind: api.EventPayment, PaymentEvent: api.NewPaymentEvent(pay.Decision{
				Payment: pay.PaymentID{0xCD}, Seq: 2, State: pay.StateExpired, Reason: pay.ReasonNoAnswer,
				Terms: pay.Terms{Amount: 420, Currency: "EUR", Handle: "amber-otter"},
			})}, "payment cd00000000  4.20 EUR  amber-otter  expired (no_answer)", `"outcome":"not_paid","safe_to_retry":true`, `"radio"`,
		},
	} {
		c.event.V, c.event.Type, c.event.At = 1, "event", at
		var words bytes.Buffer
		printEvent(&words, c.event)
		if got := words.String(); got != text.Moment(at)+"  "+c.want+"\n" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		raw, err := json.Marshal(c.event)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(raw); !strings.Contains(s, c.keys) || strings.Contains(s, c.forbidden) {
			t.Errorf("%s: %s\nwants %s and not %s", name, s, c.keys, c.forbidden)
		}
		var back api.Event
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Errorf("%s cannot be read back: %v", name, err)
		}
	}
}

func TestDeafRadioInWords(t *testing.T) {
	t.Parallel()
	const why = "nothing was heard for 10 s; discovery was started anew"
	var words strings.Builder
	printNearby(&words, api.Nearby{Radio: api.RadioDeaf, RadioWhy: why})
	if !strings.HasPrefix(words.String(), "The radio is deaf: "+why+"\n") {
		t.Errorf("in words: %q", words.String())
	}
}
