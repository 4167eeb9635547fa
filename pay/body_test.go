package pay_test

import (
	"math"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// Nothing that a person reads may move the cursor, turn the line about, or hide.
var unprintable = map[string]string{
	"NUL": "a\x00b", "newline": "a\nb", "carriage return": "a\rb", "tab": "a\tb", "escape": "a\x1b[2Jb", "delete": "a\x7fb",
	"C1 control": "a\u009bb", "right to left": "a\u202eb", "isolate": "a\u2066b", "zero width": "a\u200bb", "joiner": "a\u200db",
	"byte order mark": "\ufeffa", "line separator": "a\u2028b", "hard space": "a\u00a0b", "soft hyphen": "a\u00adb",
	"not UTF-8": "a\xffb", "half a letter": "a\xc3", "a surrogate": "a\xed\xa0\x80", "an overlong slash": "a\xc0\xaf",
	"private use": "a\ue000b", "unassigned": "a\U000e0fffb",
}

func TestTextIsPrintable(t *testing.T) {
	t.Parallel()
	texts := map[string]struct {
		check func(string) error
		most  int
		empty bool // allowed
	}{
		"name": {func(s string) error { return pay.Name(s).Check() }, pay.NameBytesMax, false},
		"key":  {func(s string) error { return pay.IdempotencyKey(s).Check() }, pay.KeyBytesMax, false},
		"ref":  {pay.CheckRef, pay.RefBytesMax, true},
	}
	for what, text := range texts {
		for name, s := range unprintable {
			if text.check(s) == nil {
				t.Errorf("%s with %s (%q) is allowed", what, name, s)
			}
		}
		for _, s := range []string{"a", "Main hall", "Café Größe", "식당 1", "日本", "#17/3 – «x»", strings.Repeat("x", text.most), strings.Repeat("é", text.most/2)} {
			if err := text.check(s); err != nil {
				t.Errorf("%s %q: %v", what, s, err)
			}
		}
		if text.check(strings.Repeat("x", text.most+1)) == nil || text.check(strings.Repeat("é", text.most/2+1)) == nil {
			t.Errorf("%s: more than %d bytes are allowed", what, text.most)
		}
		if err := text.check(""); (err == nil) != text.empty {
			t.Errorf("empty %s: %v", what, err)
		}
	}
}

// TestCheckBoundsEveryField changes one field of a good body at a time. What
// Check refuses, Sign does not sign.
func TestCheckBoundsEveryField(t *testing.T) {
	t.Parallel()
	offered := offerBody(requestID)
	answer := pay.Answer{Merchant: "m/cafe", Amount: 1, Currency: "EUR", Verdict: pay.Decline, By: "none"}
	device := pay.DeviceStatus{State: pay.DeviceActive, Type: pay.TypeJack}
	node := pay.NodeStatus{Role: pay.RoleBox, Scope: "m/cafe", Name: "till-1"}
	topup := pay.TopUp{Wallet: "w/anna", Amount: 1, Currency: "EUR", Key: "k"}
	mapping := pay.Mapping{Bind: []byte{1}}
	for name, body := range map[string]pay.Body{
		"request": requestBody(), "decision": offered, "answer": answer, "device": device, "node": node, "topup": topup, "mapping": mapping, "bind": bindBody(t),
	} {
		if err := body.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	long := strings.Repeat("x", 200)
	for name, body := range map[string]pay.Body{
		"request key":           with(requestBody(), func(b *pay.Request) { b.Key = "" }),
		"request merchant":      with(requestBody(), func(b *pay.Request) { b.Merchant = "w/anna" }),
		"request merchant only": with(requestBody(), func(b *pay.Request) { b.Merchant = "m/" }),
		"request merchant long": with(requestBody(), func(b *pay.Request) { b.Merchant = pay.Scope("m/" + long) }),
		"request merchant text": with(requestBody(), func(b *pay.Request) { b.Merchant = "m/\n" }),
		"request site":          with(requestBody(), func(b *pay.Request) { b.Site = "\x1b" }),
		"request handle":        with(requestBody(), func(b *pay.Request) { b.Handle = "Otter" }),
		"request amount":        with(requestBody(), func(b *pay.Request) { b.Amount = 0 }),
		"request currency":      with(requestBody(), func(b *pay.Request) { b.Currency = "eur" }),
		"request ref":           with(requestBody(), func(b *pay.Request) { b.Ref = long }),
		"request ttl short":     with(requestBody(), func(b *pay.Request) { b.TTL = pay.RequestTTLMin - 1 }),
		"request ttl long":      with(requestBody(), func(b *pay.Request) { b.TTL = pay.RequestTTLMax + 1 }),
		"request ttl negative":  with(requestBody(), func(b *pay.Request) { b.TTL = math.MinInt64 }),
		"request created":       with(requestBody(), func(b *pay.Request) { b.Created = math.MaxInt64 }),

		"answer merchant":     with(answer, func(b *pay.Answer) { b.Merchant = "s" }),
		"answer amount":       with(answer, func(b *pay.Answer) { b.Amount = -1 }),
		"answer currency":     with(answer, func(b *pay.Answer) { b.Currency = "" }),
		"answer verdict":      with(answer, func(b *pay.Answer) { b.Verdict = "perhaps" }),
		"answer no verdict":   with(answer, func(b *pay.Answer) { b.Verdict = "" }),
		"answer by nobody":    with(answer, func(b *pay.Answer) { b.By = "" }),
		"answer by":           with(answer, func(b *pay.Answer) { b.By = pay.Rule(long) }),
		"answer by text":      with(answer, func(b *pay.Answer) { b.By = "ha\nnd" }),
		"answer expires":      with(answer, func(b *pay.Answer) { b.Expires = math.MinInt64 }),
		"answer created":      with(answer, func(b *pay.Answer) { b.Created = math.MinInt64 }),
		"cancel created":      pay.Cancel{Created: math.MaxInt64},
		"revoke created":      pay.Revoke{Created: math.MaxInt64},
		"bind exponent":       with(bindBody(t), func(b *pay.Bind) { b.Exponent = pay.ExponentMax + 1 }),
		"bind type":           with(bindBody(t), func(b *pay.Bind) { b.Type = "car" }),
		"mapping without":     pay.Mapping{},
		"mapping bind":        pay.Mapping{Bind: make([]byte, pay.FactBytesMax/2+1)},
		"mapping vehicle":     with(mapping, func(b *pay.Mapping) { b.Vehicle = pay.Name(long) }),
		"mapping means":       with(mapping, func(b *pay.Mapping) { b.Means = "\u202e" }),
		"mapping created":     with(mapping, func(b *pay.Mapping) { b.Created = math.MaxInt64 }),
		"refusal reason":      pay.Refusal{Reason: pay.Reason(long)},
		"refusal at":          pay.Refusal{At: math.MaxInt64},
		"device state":        with(device, func(b *pay.DeviceStatus) { b.State = pay.DevicePending }),
		"device type":         with(device, func(b *pay.DeviceStatus) { b.Type = "" }),
		"device vehicle":      with(device, func(b *pay.DeviceStatus) { b.Vehicle = "\x00" }),
		"device means":        with(device, func(b *pay.DeviceStatus) { b.Means = pay.Name(long) }),
		"device at":           with(device, func(b *pay.DeviceStatus) { b.At = math.MaxInt64 }),
		"node role":           with(node, func(b *pay.NodeStatus) { b.Role = pay.RoleDevice }),
		"node scope":          with(node, func(b *pay.NodeStatus) { b.Scope = "w/anna" }),
		"node wallet's scope": with(node, func(b *pay.NodeStatus) { b.Role = pay.RoleWallet }),
		"node name":           with(node, func(b *pay.NodeStatus) { b.Name = "" }),
		"node shop":           with(node, func(b *pay.NodeStatus) { b.MerchantName = pay.Name(long) }),
		"node site":           with(node, func(b *pay.NodeStatus) { b.Site = "\n" }),
		"node at":             with(node, func(b *pay.NodeStatus) { b.At = math.MaxInt64 }),
		"topup wallet":        with(topup, func(b *pay.TopUp) { b.Wallet = "m/cafe" }),
		"topup amount":        with(topup, func(b *pay.TopUp) { b.Amount = pay.AmountMax + 1 }),
		"topup currency":      with(topup, func(b *pay.TopUp) { b.Currency = "euro" }),
		"topup key":           with(topup, func(b *pay.TopUp) { b.Key = "" }),
		"topup at":            with(topup, func(b *pay.TopUp) { b.At = math.MaxInt64 }),

		"decision seq":          with(offered, func(b *pay.Decision) { b.Seq = 0 }),
		"decision payment":      with(offered, func(b *pay.Decision) { b.Payment = pay.PaymentID{} }),
		"decision prev":         with(offered, func(b *pay.Decision) { b.Prev = pay.FactID{} }),
		"decision merchant":     with(offered, func(b *pay.Decision) { b.Merchant = "" }),
		"decision shop":         with(offered, func(b *pay.Decision) { b.MerchantName = "" }),
		"decision site":         with(offered, func(b *pay.Decision) { b.Site = pay.Name(long) }),
		"decision amount":       with(offered, func(b *pay.Decision) { b.Amount = -1250 }),
		"decision currency":     with(offered, func(b *pay.Decision) { b.Currency = "E" }),
		"decision handle":       with(offered, func(b *pay.Decision) { b.Handle = "" }),
		"decision ref":          with(offered, func(b *pay.Decision) { b.Ref = "\a" }),
		"decision by":           with(offered, func(b *pay.Decision) { b.By = pay.Rule(long) }),
		"decision state":        with(offered, func(b *pay.Decision) { b.State = pay.State(long) }),
		"decision state text":   with(offered, func(b *pay.Decision) { b.State = "off\nered" }),
		"decision reason":       with(offered, func(b *pay.Decision) { b.Reason = pay.Reason(long) }),
		"decision expires":      with(offered, func(b *pay.Decision) { b.Expires = math.MaxInt64 }),
		"decision at":           with(offered, func(b *pay.Decision) { b.At = math.MinInt64 }),
		"authority over naught": pay.Authority{},
	} {
		if body.Check() == nil {
			t.Errorf("%s: %+v is allowed", name, body)
		}
		if f, err := pay.Sign(keyOf(t, boxSeed), body); err == nil || !f.IsZero() {
			t.Errorf("%s: is signed", name)
		}
	}
}

func with[B any](b B, change func(*B)) B {
	change(&b)
	return b
}
