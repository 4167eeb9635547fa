package registry_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/paybeacon/paybeacon/pay"
)

// signFormer returns a fact as a node of old signed it, under a former spelling
// of its kind.
func signFormer(t testing.TB, key pay.Key, kind string, body pay.Body) pay.Fact {
	t.Helper()
	id := key.ID()
	payload := pay.Encode(body)
	protected := pay.Encode(map[int]any{1: -8, 3: "application/vnd.paybeacon." + kind + "+cbor", 4: id[:]})
	sig := ed25519.Sign(key.Signer(), pay.Encode([]any{"Signature1", protected, []byte("paybeacon/1"), payload}))
	f, err := pay.Parse(pay.Encode(cbor.Tag{Number: 18, Content: []any{protected, map[int]any{}, payload, sig}}))
	if err != nil || f.Kind() != body.Kind() || f.Verify(key.Public()) != nil {
		t.Fatalf("%s reads as %q: %v", kind, f.Kind(), err)
	}
	return f
}

// formerCode is what a device of old signed to raise a limit.
func formerCode(c *counter, s pay.StepUpAbove) pay.AuthCode {
	root, wallet := c.root.ID(), c.payer.key.ID()
	signed := pay.Encode([]any{
		"paybeacon/1 authentication code", "limit", root[:], wallet[:], make([]byte, 16), s.Before[:], "", int64(s.Above), string(s.Currency),
	})
	return pay.AuthCode(ed25519.Sign(c.beacon.key.Signer(), signed))
}

// TestFormerSpellings: what a wallet signed as a limit, and its registry as
// limited, before the kinds had their present names, is what it was: a claim that
// still waits in an outbox takes effect, stored facts audit clean, and the code
// of a device counts.
func TestFormerSpellings(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	first := signFormer(t, c.payer.key, "limit", pay.StepUpAbove{Above: 1_000, Currency: "EUR", Created: 1})
	if refused := c.push(0, first); refused != "" {
		t.Fatalf("the first limit is refused: %s", refused)
	}
	if f := c.charge(c.shop, c.beacon, 1_001); c.demandOn(c.shop, f) != pay.StepUpPayer {
		t.Error("the limit is not in force")
	}
	raised := pay.StepUpAbove{Before: first.ID(), Above: 5_000, Currency: "EUR", Device: c.beacon.key.ID(), Created: 2}
	raised.Code = formerCode(c, raised)
	second := signFormer(t, c.payer.key, "limit", raised)
	if refused := c.push(0, second); refused != "" {
		t.Fatalf("raising it with the device is refused: %s", refused)
	}
	c.auditOK()

	// The registry's own statement, too, becomes one of old.
	now := c.stepUpStatus()
	status, err := pay.As[pay.StepUpStatus](c.mem.facts[now])
	c.must(err)
	old := signFormer(t, keyOf("working"), "limited", status)
	delete(c.mem.facts, now)
	c.mem.facts[old.ID()] = old
	from, to := now, old.ID()
	c.replace("u/"+string(c.payer.status.Scope), string(from[:]), string(to[:]))
	c.auditOK()

	raised.Before, raised.Above, raised.Code[0] = second.ID(), 6_000, raised.Code[0]^1
	if refused := c.push(0, signFormer(t, c.payer.key, "limit", raised)); refused != pay.ReasonWrongCode {
		t.Errorf("with a wrong code it is refused as %q", refused)
	}
}

// stepUpStatus returns the registry's last statement on the payer's step-up.
func (c *counter) stepUpStatus() (id pay.FactID) {
	for _, f := range c.feeds[c.payer.status.Scope] {
		if f.Kind() == pay.KindStepUp {
			id = f.ID()
		}
	}
	return id
}

// TestCaptureWithoutSums: a payment that was captured before decisions carried
// sums is of the whole amount, in its decision as in its row.
func TestCaptureWithoutSums(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	c.push(0, c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, pay.ByHand)))
	d, id := c.last(c.shop.status.Scope, f)
	if d.Sums != (pay.Sums{Captured: 1_250}) {
		t.Fatalf("the capture carries %+v", d.Sums)
	}
	d.Sums = pay.Sums{}
	delete(c.mem.facts, id)
	old := c.signAsRegistry(d)

	key := c.rowOf("p/")
	raw, _ := c.mem.rows.Get(key)
	var row map[int]cbor.RawMessage
	c.must(cbor.Unmarshal(raw, &row))
	was := old.ID()
	row[1], row[2] = pay.Encode(was[:]), pay.Encode(d)
	c.mem.rows.Set(key, pay.Encode(row))
	c.auditOK()

	if refused := c.answer(c.payer, f, pay.Approve, pay.ByHand); refused != pay.ReasonAlreadyDecided {
		t.Errorf("another answer is refused as %q", refused)
	}
	c.auditOK()
}
