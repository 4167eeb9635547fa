package pay_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/veraison/go-cose"
)

// TestCodeHoldsNothingOfItsStatement: nobody who does not hold the statement
// learns from a code what it is about, or that two of them are one device's (3.6).
func TestCodeHoldsNothingOfItsStatement(t *testing.T) {
	t.Parallel()
	_, list := authentications(t)
	device := keyOf(t, deviceSeed)
	public, id := device.Public(), device.ID()
	for i, a := range list {
		code := authenticate(t, deviceSeed, a)
		for _, whole := range [][]byte{signedBytes(t, a), public[:], id[:]} {
			for at := 0; at+4 <= len(whole); at++ {
				if bytes.Contains(code[:], whole[at:at+4]) {
					t.Errorf("a code holds the bytes %x of what it is about", whole[at:at+4])
				}
			}
		}
		for _, b := range list[:i] {
			other := authenticate(t, deviceSeed, b)
			for at := 0; at+4 <= len(code); at++ {
				if bytes.Contains(other[:], code[at:at+4]) {
					t.Errorf("two codes of a device share the bytes %x", code[at:at+4])
				}
			}
		}
	}
}

// TestWhatNoDeviceSigns bounds the fields before a signature is made.
func TestWhatNoDeviceSigns(t *testing.T) {
	t.Parallel()
	_, list := authentications(t)
	payment, fuel, limit := list[0], list[3], list[5]
	for name, a := range map[string]pay.Authentication{
		"no purpose":                  with(payment, func(a *pay.Authentication) { a.Purpose = "" }),
		"another purpose":             with(payment, func(a *pay.Authentication) { a.Purpose = "open the door" }),
		"payment to nobody":           with(payment, func(a *pay.Authentication) { a.Merchant = "" }),
		"payment to a wallet":         with(payment, func(a *pay.Authentication) { a.Merchant = "w/anna" }),
		"payment of nothing":          with(payment, func(a *pay.Authentication) { a.Amount = 0 }),
		"payment of less":             with(payment, func(a *pay.Authentication) { a.Amount = -1 }),
		"payment of too much":         with(payment, func(a *pay.Authentication) { a.Amount = pay.AmountMax + 1 }),
		"fuel at no site":             with(fuel, func(a *pay.Authentication) { a.Site = "" }),
		"fuel that is none":           with(fuel, func(a *pay.Authentication) { a.Fuel = pay.FuelTerms{} }),
		"fuel for nothing":            with(fuel, func(a *pay.Authentication) { a.Fuel.Price = 0 }),
		"fuel to a wallet":            with(fuel, func(a *pay.Authentication) { a.Merchant = "w/anna" }),
		"payment that names fuel":     with(payment, func(a *pay.Authentication) { a.Fuel = fuel.Fuel }),
		"limit that names a site":     with(limit, func(a *pay.Authentication) { a.Site = "A8" }),
		"payment in no currency":      with(payment, func(a *pay.Authentication) { a.Currency = "euros" }),
		"limit below nothing":         with(limit, func(a *pay.Authentication) { a.Amount = -1 }),
		"limit above all":             with(limit, func(a *pay.Authentication) { a.Amount = pay.AmountMax + 1 }),
		"limit in no currency":        with(limit, func(a *pay.Authentication) { a.Currency = "" }),
		"limit towards a merchant":    with(limit, func(a *pay.Authentication) { a.Merchant = "m/cafe" }),
		"payment with a limit's name": with(payment, func(a *pay.Authentication) { a.Purpose = pay.PurposeStepUpAbove }),
		"limit with a payment's name": with(limit, func(a *pay.Authentication) { a.Purpose = pay.PurposePay }),
	} {
		if code, err := pay.Authenticate(keyOf(t, deviceSeed), a); err == nil || !code.IsZero() {
			t.Errorf("%s: %+v is signed", name, a)
		}
	}
}

// TestCheckBoundsTwoChannels changes one field of a good body at a time.
func TestCheckBoundsTwoChannels(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	offered := offerBody(requestID)
	answer := pay.Answer{Merchant: "m/cafe", Amount: 1, Currency: "EUR", Verdict: pay.Approve, By: "none", Code: pay.AuthCode{1}}
	limit := pay.StepUpAbove{Above: 1, Currency: "EUR", Device: pay.DeviceID{1}, Code: pay.AuthCode{1}}
	limited := pay.StepUpStatus{Claim: pay.FactID{1}, Above: 1, Currency: "EUR"}
	challenge := challengeBody(t, requestID)
	for name, body := range map[string]pay.Body{
		"answer": answer, "limit": limit, "limited": limited, "challenge": challenge,
		"limit of nothing": with(limit, func(b *pay.StepUpAbove) { b.Above = 0 }), "no limit": with(limit, func(b *pay.StepUpAbove) { b.Above = pay.AmountMax }),
		"step-up of later": with(offered, func(b *pay.Decision) { b.StepUp = "reason_of_a_later_one" }),
	} {
		if err := body.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, body := range map[string]pay.Body{
		"answer declines with a code": with(answer, func(b *pay.Answer) { b.Verdict = pay.Decline }),
		"decision step-up":            with(offered, func(b *pay.Decision) { b.StepUp = pay.StepUp(long) }),
		"decision step-up text":       with(offered, func(b *pay.Decision) { b.StepUp = "a\x1b[2J" }),
		"device trusted":              pay.DeviceStatus{State: pay.DeviceActive, Type: pay.TypeTag, Trusted: math.MaxInt64},
		"challenge payment":           with(challenge, func(b *pay.Challenge) { b.Payment = pay.PaymentID{} }),
		"challenge device":            with(challenge, func(b *pay.Challenge) { b.Device = pay.DeviceID{} }),
		"challenge at":                with(challenge, func(b *pay.Challenge) { b.At = math.MaxInt64 }),
		"limit above":                 with(limit, func(b *pay.StepUpAbove) { b.Above = pay.AmountMax + 1 }),
		"limit below":                 with(limit, func(b *pay.StepUpAbove) { b.Above = -1 }),
		"limit currency":              with(limit, func(b *pay.StepUpAbove) { b.Currency = "eur" }),
		"limit created":               with(limit, func(b *pay.StepUpAbove) { b.Created = math.MaxInt64 }),
		"limit without its device":    with(limit, func(b *pay.StepUpAbove) { b.Device = pay.DeviceID{} }),
		"limit without its code":      with(limit, func(b *pay.StepUpAbove) { b.Code = pay.AuthCode{} }),
		"limited claim":               with(limited, func(b *pay.StepUpStatus) { b.Claim = pay.FactID{} }),
		"limited above":               with(limited, func(b *pay.StepUpStatus) { b.Above = pay.AmountMax + 1 }),
		"limited below":               with(limited, func(b *pay.StepUpStatus) { b.Above = -1 }),
		"limited currency":            with(limited, func(b *pay.StepUpStatus) { b.Currency = "" }),
		"limited at":                  with(limited, func(b *pay.StepUpStatus) { b.At = math.MaxInt64 }),
	} {
		if body.Check() == nil {
			t.Errorf("%s: %+v is allowed", name, body)
		}
		if f, err := pay.Sign(keyOf(t, boxSeed), body); err == nil || !f.IsZero() {
			t.Errorf("%s: is signed", name)
		}
	}
}

// TestReceiptShowsMethodAndStepUp: the receipt of a payment by two channels shows
// why it took them, opens here and with another COSE library, and holds neither
// the code, nor any 8 bytes of it, nor the device (3.6).
func TestReceiptShowsMethodAndStepUp(t *testing.T) {
	t.Parallel()
	byName := map[string]pay.Fact{}
	for _, s := range samples(t) {
		byName[s.name] = s.fact
	}
	decision := byName["decision: captured by two channels"]
	raw := pay.EncodeReceipt(byName["authority"], decision)
	r, err := pay.OpenReceipt(raw)
	if err != nil || r.Decision.Method() != pay.MethodTwoChannel || r.Decision.StepUp != pay.StepUpMerchant || r.Decision.State != pay.StateCaptured {
		t.Fatalf("opens as %+v, %v", r.Decision, err)
	}
	var msg cose.Sign1Message
	if err := msg.UnmarshalCBOR(decision.Raw()); err != nil {
		t.Fatal(err)
	}
	if err := msg.Verify([]byte(aad), coseVerifier(t, keyOf(t, workingSeed).Public())); err != nil {
		t.Error(err)
	}
	var body map[int]any
	if err := cbor.Unmarshal(msg.Payload, &body); err != nil || body[19] != "merchant" {
		t.Errorf("field 19 is %v, %v", body[19], err)
	}
	a, err := pay.As[pay.Answer](byName["answer: approve, with the device's code"])
	if err != nil {
		t.Fatal(err)
	}
	nonce, id, public := challengeBody(t, requestID).Nonce, keyOf(t, deviceSeed).ID(), keyOf(t, deviceSeed).Public()
	for what, secret := range map[string][]byte{"code": a.Code[:], "challenge": nonce[:], "device": id[:], "device's key": public[:]} {
		for at := 0; at+8 <= len(secret); at++ {
			if bytes.Contains(raw, secret[at:at+8]) {
				t.Errorf("the receipt holds bytes %d to %d of the %s", at, at+8, what)
			}
		}
	}
	forged := bytes.Replace(raw, []byte("merchant"), []byte("merchanT"), 1)
	if _, err := pay.OpenReceipt(forged); !errors.Is(err, pay.ErrSignature) {
		t.Errorf("with another step-up it opens: %v", err)
	}
}
