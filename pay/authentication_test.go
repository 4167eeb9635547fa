package pay_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/veraison/go-cose"
)

const authenticationVectors = "../testdata/vectors/authentication.json"

// authenticationVector is one entry of testdata/vectors/authentication.json: the
// device with the RFC 8032 seed signs that it is with its wallet. A reader of any
// language gets Signed by encoding the fields as wire/PROTOCOL.md says, and Code
// by signing that.
type authenticationVector struct {
	Name     string       `json:"name"`
	Seed     string       `json:"seed"`
	Device   string       `json:"device"` // the public key
	Purpose  pay.Purpose  `json:"purpose"`
	Registry string       `json:"registry"`
	Wallet   string       `json:"wallet"`
	Nonce    string       `json:"nonce"`
	Subject  string       `json:"subject"`
	Merchant pay.Scope    `json:"merchant"`
	Amount   pay.Amount   `json:"amount"`
	Currency pay.Currency `json:"currency"`
	// Site to Most stand with the purpose "fuel".
	Site    pay.Name       `json:"site,omitempty"`
	Pump    pay.PumpNumber `json:"pump,omitempty"`
	Product pay.Product    `json:"product,omitempty"`
	Unit    pay.Unit       `json:"unit,omitempty"`
	Price   pay.UnitPrice  `json:"price,omitempty"`
	Most    pay.Quantity   `json:"most,omitempty"`

	Signed string `json:"signed"`
	Code   string `json:"code"`
}

// authentications are the statements of the vectors, by name, in order.
func authentications(t testing.TB) (names []string, list []pay.Authentication) {
	t.Helper()
	root, wallet := keyOf(t, rootSeed).ID(), keyOf(t, walletSeed).ID()
	add := func(name string, a pay.Authentication) { names, list = append(names, name), append(list, a) }
	request := sign(t, keyOf(t, boxSeed), requestBody())
	challenge, offer := challengeBody(t, request.ID()), offerBody(request.ID())
	add("payment", pay.AuthenticatePayment(root, wallet, challenge, offer, 0))
	offer.Amount, offer.Currency, offer.Merchant = pay.AmountMax, "KRW", pay.Scope("m/"+strings.Repeat("m", 46))
	add("payment, the most", pay.AuthenticatePayment(root, wallet, challenge, offer, 0))
	challenge.Nonce, offer.Amount, offer.Merchant = pay.Nonce{}, 1, "m/m"
	add("payment, the least", pay.AuthenticatePayment(root, wallet, challenge, offer, 0))
	offer.Merchant, offer.Site, offer.Fuel = "m/oil", "A8", fuelTerms()
	add("fuel", pay.AuthenticatePayment(root, wallet, challenge, offer, 0))
	offer.Fuel.Most = 0
	add("fuel, bounded by the amount alone", pay.AuthenticatePayment(root, wallet, challenge, offer, 0))
	add("step-up raised", pay.AuthenticateStepUpAbove(root, wallet, pay.StepUpAbove{Before: pay.FactID{0xb0, 31: 1}, Above: 24, Currency: "EUR"}))
	add("step-up lifted", pay.AuthenticateStepUpAbove(root, wallet, pay.StepUpAbove{Before: pay.FactID{0xb0, 31: 1}, Above: pay.AmountMax, Currency: "EUR"}))
	add("step-up above nothing", pay.AuthenticateStepUpAbove(root, wallet, pay.StepUpAbove{Currency: "EUR"}))
	return names, list
}

// signedBytes encodes what a device signs with another CBOR library's generic
// types, as PROTOCOL.md words it.
func signedBytes(t testing.TB, a pay.Authentication) []byte {
	t.Helper()
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	parts := []any{
		"paybeacon/1 authentication code", string(a.Purpose), a.Registry[:], a.Wallet[:], a.Nonce[:], a.Subject[:],
		string(a.Merchant), int64(a.Amount), string(a.Currency),
	}
	if f := a.Fuel; a.Purpose == pay.PurposeFuel {
		parts = append(parts, string(a.Site), uint64(f.Pump), string(f.Product), string(f.Unit), int64(f.Price), int64(f.Most))
	}
	raw, err := mode.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestAuthenticationVectors(t *testing.T) {
	t.Parallel()
	names, list := authentications(t)
	var want []authenticationVector
	for i, a := range list {
		k := keyOf(t, deviceSeed)
		public, code := k.Public(), authenticate(t, deviceSeed, a)
		want = append(want, authenticationVector{
			Name: names[i], Seed: hex.EncodeToString(k.Seed()), Device: hex.EncodeToString(public[:]), Purpose: a.Purpose,
			Registry: hex.EncodeToString(a.Registry[:]), Wallet: hex.EncodeToString(a.Wallet[:]), Nonce: hex.EncodeToString(a.Nonce[:]),
			Subject: hex.EncodeToString(a.Subject[:]), Merchant: a.Merchant, Amount: a.Amount, Currency: a.Currency,
			Site: a.Site, Pump: a.Fuel.Pump, Product: a.Fuel.Product, Unit: a.Fuel.Unit, Price: a.Fuel.Price, Most: a.Fuel.Most,
			Signed: hex.EncodeToString(signedBytes(t, a)), Code: hex.EncodeToString(code[:]),
		})
	}
	if *update {
		raw, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(authenticationVectors, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(authenticationVectors)
	if err != nil {
		t.Fatal(err)
	}
	var have []authenticationVector
	if err := json.Unmarshal(raw, &have); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s differs from what this program makes; a changed encoding breaks every device in use", authenticationVectors)
	}
	for _, v := range have {
		checkAuthenticationVector(t, v)
	}
}

// Codes that devices signed under the former name of a purpose stand in stored
// claims. They are good for what they were good for, and none is made any more.
func TestFormerAuthenticationVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../testdata/vectors/authentication-former.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []authenticationVector
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		t.Fatalf("%d vectors, %v", len(list), err)
	}
	for _, v := range list {
		if v.Purpose != "limit" {
			t.Errorf("%s is for %s", v.Name, v.Purpose)
		}
		if (pay.Authentication{Purpose: v.Purpose, Currency: "EUR"}).Check() == nil {
			t.Errorf("%s: a device signs for %s", v.Name, v.Purpose)
		}
		v.Purpose = pay.PurposeStepUpAbove
		checkAuthenticationVector(t, v)
	}
}

// TestProtocolDrawsWhatIsSigned puts the first vector together byte by byte, as
// the drawing in wire/PROTOCOL.md has it, without any encoder.
func TestProtocolDrawsWhatIsSigned(t *testing.T) {
	t.Parallel()
	_, list := authentications(t)
	payment, stepUp := list[0], list[len(list)-1]
	drawn := func(a pay.Authentication, purpose, merchant, amount string) []byte {
		return slices.Concat([]byte("\x89\x78\x1fpaybeacon/1 authentication code"+purpose), []byte{0x58, 0x20}, a.Registry[:], []byte{0x58, 0x20}, a.Wallet[:],
			[]byte{0x50}, a.Nonce[:], []byte{0x58, 0x20}, a.Subject[:], []byte(merchant+amount+"\x63EUR"))
	}
	for what, c := range map[string]struct {
		a    pay.Authentication
		want []byte
	}{
		"payment": {payment, drawn(payment, "\x63pay", "\x66m/cafe", "\x19\x04\xe2")},
		"step-up": {stepUp, drawn(stepUp, "\x6dstep-up-above", "\x60", "\x00")},
	} {
		code := authenticate(t, deviceSeed, c.a)
		public := keyOf(t, deviceSeed).Public()
		if !ed25519.Verify(public[:], c.want, code[:]) {
			t.Errorf("a code for a %s does not sign what is drawn: %x", what, c.want)
		}
	}
}

// checkAuthenticationVector reads a vector the way a stranger would, with
// nothing but Ed25519, and then with Verify.
func checkAuthenticationVector(t *testing.T, v authenticationVector) {
	t.Helper()
	signed, code := unhex(t, v.Signed), unhex(t, v.Code)
	private := ed25519.NewKeyFromSeed(unhex(t, v.Seed))
	if !bytes.Equal(ed25519.Sign(private, signed), code) || !ed25519.Verify(unhex(t, v.Device), signed, code) {
		t.Errorf("%s: the code is not the device's signature of the bytes", v.Name)
	}
	a := pay.Authentication{
		Purpose: v.Purpose, Registry: pay.NodeID(unhex(t, v.Registry)), Wallet: pay.NodeID(unhex(t, v.Wallet)), Nonce: pay.Nonce(unhex(t, v.Nonce)),
		Subject: [32]byte(unhex(t, v.Subject)), Merchant: v.Merchant, Amount: v.Amount, Currency: v.Currency,
		Site: v.Site, Fuel: pay.FuelTerms{Pump: v.Pump, Product: v.Product, Unit: v.Unit, Price: v.Price, Most: v.Most},
	}
	if err := a.Verify(pay.PublicKey(unhex(t, v.Device)), pay.AuthCode(code)); err != nil {
		t.Errorf("%s: %v", v.Name, err)
	}
}

// variations are a with each field altered by one bit or one unit.
func variations(a pay.Authentication) map[string]pay.Authentication {
	all := map[string]pay.Authentication{}
	alter := func(name string, change func(*pay.Authentication)) {
		b := a
		change(&b)
		all[name] = b
	}
	alter("purpose", func(b *pay.Authentication) {
		b.Purpose = map[pay.Purpose]pay.Purpose{pay.PurposePay: pay.PurposeStepUpAbove, pay.PurposeStepUpAbove: pay.PurposePay}[a.Purpose]
	})
	if a.Purpose == pay.PurposeFuel {
		alter("site", func(b *pay.Authentication) { b.Site += "x" })
		alter("pump", func(b *pay.Authentication) { b.Fuel.Pump++ })
		alter("product", func(b *pay.Authentication) { b.Fuel.Product = "petrol95" })
		alter("unit", func(b *pay.Authentication) { b.Fuel.Unit = pay.UnitKilowattHour })
		alter("price", func(b *pay.Authentication) { b.Fuel.Price++ })
		alter("most", func(b *pay.Authentication) { b.Fuel.Most++ })
		alter("a letter moved from product to unit", func(b *pay.Authentication) {
			b.Fuel.Product, b.Fuel.Unit = b.Fuel.Product[:5], pay.Unit(b.Fuel.Product[5:])+b.Fuel.Unit
		})
	}
	alter("no purpose", func(b *pay.Authentication) { b.Purpose = "" })
	for bit := range 8 * 32 {
		at, mask := bit/8, byte(1)<<(bit%8)
		where := hex.EncodeToString([]byte{byte(at), mask})
		alter("registry "+where, func(b *pay.Authentication) { b.Registry[at] ^= mask })
		alter("wallet "+where, func(b *pay.Authentication) { b.Wallet[at] ^= mask })
		alter("subject "+where, func(b *pay.Authentication) { b.Subject[at] ^= mask })
		if at < len(a.Nonce) {
			alter("nonce "+where, func(b *pay.Authentication) { b.Nonce[at] ^= mask })
		}
	}
	alter("merchant, longer", func(b *pay.Authentication) { b.Merchant += "x" })
	alter("another merchant", func(b *pay.Authentication) { b.Merchant = "m/other" })
	alter("one cent more", func(b *pay.Authentication) { b.Amount++ })
	alter("one cent less", func(b *pay.Authentication) { b.Amount-- })
	alter("currency", func(b *pay.Authentication) { b.Currency = "KWD" })
	alter("no currency", func(b *pay.Authentication) { b.Currency = "" })
	// What one field loses the next one gains: lengths are part of the encoding.
	alter("a letter moved from merchant to currency", func(b *pay.Authentication) {
		if n := len(b.Merchant); n > 0 {
			b.Currency, b.Merchant = pay.Currency(string(b.Merchant[n-1:])+string(b.Currency)), b.Merchant[:n-1]
		} else {
			b.Merchant, b.Currency = pay.Scope(b.Currency[:1]), b.Currency[1:]
		}
	})
	return all
}

// TestAuthCodeSaysOneThing: a code is good for its statement, its device and
// nothing else, whatever one bit or unit is altered (3.5).
func TestAuthCodeSaysOneThing(t *testing.T) {
	t.Parallel()
	names, list := authentications(t)
	device, other := keyOf(t, deviceSeed).Public(), keyOf(t, 77).Public()
	for i, a := range list {
		code := authenticate(t, deviceSeed, a)
		if err := a.Verify(device, code); err != nil {
			t.Fatalf("%s: %v", names[i], err)
		}
		if err := a.Verify(other, code); !errors.Is(err, pay.ErrSignature) {
			t.Errorf("%s: under another device's key: %v", names[i], err)
		}
		if err := a.Verify(pay.PublicKey{}, code); !errors.Is(err, pay.ErrSignature) {
			t.Errorf("%s: under no key: %v", names[i], err)
		}
		if err := a.Verify(device, pay.AuthCode{}); !errors.Is(err, pay.ErrSignature) {
			t.Errorf("%s: without a code: %v", names[i], err)
		}
		for what, b := range variations(a) {
			if err := b.Verify(device, code); !errors.Is(err, pay.ErrSignature) {
				t.Errorf("%s, altered: %s: %v", names[i], what, err)
			}
		}
		for bit := range 8 * len(code) {
			bad := code
			bad[bit/8] ^= 1 << (bit % 8)
			if err := a.Verify(device, bad); !errors.Is(err, pay.ErrSignature) {
				t.Errorf("%s, bit %d of the code flipped: %v", names[i], bit, err)
			}
		}
		for j, b := range list {
			if i != j && b.Verify(device, code) == nil {
				t.Errorf("the code for %q is good for %q", names[i], names[j])
			}
		}
	}
}

// TestPurposesAreNotInterchangeable signs one and the same fields for a payment
// and for a step-up above, which no honest caller does: neither code serves the other.
func TestPurposesAreNotInterchangeable(t *testing.T) {
	t.Parallel()
	_, list := authentications(t)
	a := list[0]
	k := keyOf(t, deviceSeed)
	for _, p := range [][2]pay.Purpose{{pay.PurposePay, pay.PurposeStepUpAbove}, {pay.PurposeStepUpAbove, pay.PurposePay}} {
		a.Purpose = p[0]
		code := pay.AuthCode(ed25519.Sign(k.Signer(), signedBytes(t, a)))
		if err := a.Verify(k.Public(), code); err != nil {
			t.Errorf("%s: %v", p[0], err)
		}
		a.Purpose = p[1]
		if err := a.Verify(k.Public(), code); !errors.Is(err, pay.ErrSignature) {
			t.Errorf("a code for %s serves for %s: %v", p[0], p[1], err)
		}
	}
}

// TestAuthCodeIsNoFact: what a device signs for a code is an array of nine or fifteen items
// and what it signs for a fact is an array of four, so that neither signature is
// ever good for the other, whatever a wallet chooses to have signed. TLS 1.3
// (RFC 8446 section 4.4.3) and certificates begin with other bytes still.
func TestAuthCodeIsNoFact(t *testing.T) {
	t.Parallel()
	device := keyOf(t, deviceSeed)
	for _, s := range samples(t) {
		raw := sigStructure(t, s.fact)
		if raw[0] != 0x84 {
			t.Fatalf("%s: what is signed begins with %x", s.name, raw[0])
		}
	}
	names, list := authentications(t)
	bind := sign(t, device, bindBody(t))
	for i, a := range list {
		raw := signedBytes(t, a)
		head := byte(0x89)
		if a.Purpose == pay.PurposeFuel {
			head = 0x8f
		}
		if raw[0] != head || !bytes.HasPrefix(raw[1:], append([]byte{0x78, 31}, "paybeacon/1 authentication code"...)) {
			t.Errorf("%s: what is signed begins with %x", names[i], raw[:8])
		}
		code := authenticate(t, deviceSeed, a)
		if a.Verify(device.Public(), pay.AuthCode(bind.Raw()[len(bind.Raw())-64:])) == nil {
			t.Errorf("%s: the signature of a bind is a code", names[i])
		}
		forged := slices.Concat(bind.Raw()[:len(bind.Raw())-64], code[:])
		if f, err := pay.Parse(forged); err != nil || !errors.Is(f.Verify(device.Public()), pay.ErrSignature) {
			t.Errorf("%s: a code is the signature of a bind: %v", names[i], err)
		}
	}
}

// sigStructure returns what the signer of a fact signed.
func sigStructure(t testing.TB, f pay.Fact) []byte {
	t.Helper()
	var msg cose.Sign1Message
	if err := msg.UnmarshalCBOR(f.Raw()); err != nil {
		t.Fatal(err)
	}
	protected, err := msg.Headers.MarshalProtected()
	if err != nil {
		t.Fatal(err)
	}
	var header []byte
	if err := cbor.Unmarshal(protected, &header); err != nil {
		t.Fatal(err)
	}
	raw := pay.Encode([]any{"Signature1", header, []byte(aad), msg.Payload})
	if !ed25519.Verify(signerOf(t, f), raw, msg.Signature) {
		t.Fatalf("%s: that is not what was signed", f.Kind())
	}
	return raw
}

func signerOf(t testing.TB, f pay.Fact) ed25519.PublicKey {
	t.Helper()
	for seed := byte(1); seed < 10; seed++ {
		if k := keyOf(t, seed); k.ID() == f.Signer() {
			p := k.Public()
			return p[:]
		}
	}
	t.Fatal("nobody known signed it")
	return nil
}
