package till_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

func TestKeyStandsForOneRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*till.Order)
		want   pay.ErrorCode // "" is the first payment again
	}{
		{"same", func(*till.Order) {}, ""},
		{"currency spelled out", func(o *till.Order) { o.Currency = "EUR" }, ""},
		{"other ttl", func(o *till.Order) { o.TTL = 5 * second }, ""},
		{"ttl out of bounds", func(o *till.Order) { o.TTL = 1 }, ""},
		{"other amount", func(o *till.Order) { o.Amount++ }, pay.CodeKeyUsed},
		{"other ref", func(o *till.Order) { o.Ref = "table 5" }, pay.CodeKeyUsed},
		{"no ref", func(o *till.Order) { o.Ref = "" }, pay.CodeKeyUsed},
		{"by handle instead of nearest", func(o *till.Order) { o.To = "amber-otter" }, pay.CodeKeyUsed},
		{"other currency", func(o *till.Order) { o.Currency = "USD" }, pay.CodeCurrency},
		{"to be captured later", func(o *till.Order) { o.Hold = pay.HoldMax }, pay.CodeKeyUsed},
		{"two channels", func(o *till.Order) { o.TwoChannel = true }, pay.CodeKeyUsed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			first := w.mustCharge(w.order())
			before := w.snapshot()
			o := w.order()
			test.change(&o)
			w.now += 1000
			looked, known, err := w.till.Repeated(w.rows, w.now, o)
			wantCode(t, err, test.want)
			again, err := w.charge(o)
			wantCode(t, err, test.want)
			if test.want == "" && (!known || looked.ID != first.ID || again.ID != first.ID) {
				t.Errorf("got payments %s and %s, want the first, %s", looked.ID.Short(), again.ID.Short(), first.ID.Short())
			}
			if w.snapshot() != before || w.items != 1 {
				t.Error("repeating the key changed something")
			}
		})
	}
}

func TestKeyOfAChargeByHandle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.order()
	o.To = "amber-otter"
	first := w.mustCharge(o)
	if again := w.mustCharge(o); again.ID != first.ID {
		t.Error("the same --to is another payment")
	}
	o.To = "icy-fox"
	_, err := w.charge(o)
	wantCode(t, err, pay.CodeKeyUsed)
	o.To = ""
	_, err = w.charge(o)
	wantCode(t, err, pay.CodeKeyUsed)
}

func TestKeyOutlivesThePayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.mustCharge(w.order())
	for _, f := range w.chain(w.request(first.ID), pay.StateOffered, pay.StateDeclined) {
		w.deliver(f)
	}
	w.now += 400 * 24 * 3600 * 1000
	if again := w.mustCharge(w.order()); again.ID != first.ID || again.State() != pay.StateDeclined {
		t.Errorf("got %s (%s), want the declined first payment", again.ID.Short(), again.State())
	}
	o := w.order()
	o.Key = "order-2"
	if second := w.mustCharge(o); second.ID == first.ID {
		t.Error("a new key is the first payment")
	}
}

func TestUnknownKeyIsNoPayment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, known, err := w.till.Repeated(w.rows, w.now, w.order()); known || err != nil {
		t.Fatalf("known %v, %v", known, err)
	}
	_, err := w.till.Find(w.rows, w.now, "order-1")
	wantCode(t, err, pay.CodeNotFound)
	e := w.mustCharge(w.order())
	if got, err := w.till.Find(w.rows, w.now, "order-1"); err != nil || got.ID != e.ID || got.Key != "order-1" {
		t.Errorf("found %s, %v", got.ID.Short(), err)
	}
}

func TestChargeRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*till.Order)
		want   pay.ErrorCode
	}{
		{"zero", func(o *till.Order) { o.Amount = 0 }, pay.CodeAmount},
		{"negative", func(o *till.Order) { o.Amount = -1 }, pay.CodeAmount},
		{"too large", func(o *till.Order) { o.Amount = pay.AmountMax + 1 }, pay.CodeAmount},
		{"a negative tip", func(o *till.Order) { o.TipMax = -1 }, pay.CodeAmount},
		{"a tip too large", func(o *till.Order) { o.TipMax = pay.AmountMax + 1 }, pay.CodeAmount},
		{"another currency", func(o *till.Order) { o.Currency = "USD" }, pay.CodeCurrency},
		{"no currency", func(o *till.Order) { o.Currency = "eur" }, pay.CodeCurrency},
		{"no key", func(o *till.Order) { o.Key = "" }, pay.CodeUsage},
		{"key too long", func(o *till.Order) { o.Key = pay.IdempotencyKey(strings.Repeat("k", pay.KeyBytesMax+1)) }, pay.CodeUsage},
		{"key that moves the cursor", func(o *till.Order) { o.Key = "a\x1b[2J" }, pay.CodeUsage},
		{"ref too long", func(o *till.Order) { o.Ref = strings.Repeat("r", pay.RefBytesMax+1) }, pay.CodeUsage},
		{"ttl too short", func(o *till.Order) { o.TTL = pay.RequestTTLMin - 1 }, pay.CodeUsage},
		{"ttl too long", func(o *till.Order) { o.TTL = pay.RequestTTLMax + 1 }, pay.CodeUsage},
		{"ttl negative", func(o *till.Order) { o.TTL = -1 }, pay.CodeUsage},
		{"no handle", func(o *till.Order) { o.To = "Otter" }, pay.CodeUsage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			before := w.snapshot()
			o := w.order()
			test.change(&o)
			_, err := w.charge(o)
			wantCode(t, err, test.want)
			if w.snapshot() != before || w.items != 0 {
				t.Error("something was recorded")
			}
		})
	}
}

func TestRequestSaysWhatWasAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.order()
	o.TTL = 0
	e := w.mustCharge(o)
	f := w.request(e.ID)
	if err := f.Verify(w.box.Public()); err != nil {
		t.Fatal(err)
	}
	got, err := pay.As[pay.Request](f)
	want := pay.Request{
		Key: "order-1", Merchant: merchant, Site: "Main hall", Code: pay.Code{1, 2, 3}, Handle: "amber-otter",
		Amount: 1250, Currency: "EUR", Ref: "table 4", TTL: pay.RequestTTLDefault, Created: start,
		Evidence: pay.EvidenceTap,
	}
	if err != nil || got != want {
		t.Errorf("request is %+v, want %+v (%v)", got, want, err)
	}
	if shown := w.show(e.ID); shown != e {
		t.Errorf("shown is\n%+v, charge said\n%+v", shown, e)
	}
	if !e.Queued || !e.Own || e.MerchantName != "Cafe" || e.Site != "Main hall" || e.Handle != "amber-otter" || e.Created != start {
		t.Errorf("entry is %+v", e)
	}
}

type foreignKind struct {
	kind pay.Kind
	N    int `cbor:"1,keyasint"`
}

func (f foreignKind) Kind() pay.Kind { return f.kind }
func (foreignKind) Check() error     { return nil }

func TestCriticalKindStopsNewCharges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.mustCharge(w.order())
	w.deliver(sign(t, w.working, foreignKind{"advice", 1}))
	o := w.order()
	o.Key = "order-2"
	w.mustCharge(o)
	w.deliver(sign(t, w.working, foreignKind{"must-escrow", 1}))
	o.Key = "order-3"
	_, err := w.charge(o)
	wantCode(t, err, pay.CodeUpgrade)
	if again := w.mustCharge(w.order()); again.ID != first.ID {
		t.Error("a known key is not its payment any more")
	}
	for _, f := range w.chain(w.request(first.ID), pay.StateOffered, pay.StateCaptured) {
		w.deliver(f)
	}
	if e := w.show(first.ID); e.State() != pay.StateCaptured {
		t.Errorf("payment is %s: what was begun does not go on", e.State())
	}
}
