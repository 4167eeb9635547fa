package pay_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/paybeacon/paybeacon/pay"
)

const noon pay.Time = 1_750_000_000_000

// keyOf returns the key whose seed is 32 times n.
func keyOf(t testing.TB, n byte) pay.Key {
	t.Helper()
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, k pay.Key, b pay.Body) pay.Fact {
	t.Helper()
	f, err := pay.Sign(k, b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The keys of the vectors, by their seeds.
const (
	rootSeed, workingSeed, boxSeed, walletSeed, deviceSeed, successorSeed byte = 1, 2, 3, 4, 5, 6
)

func requestBody() pay.Request {
	return pay.Request{
		Key: "order-17", Merchant: "m/cafe", Site: "Main hall", Code: pay.Code{0xa9, 0xb7, 0x6a, 0x71, 0xc5, 0xf8, 0x92, 0x90},
		Handle: "amber-otter", Amount: 1250, Currency: "EUR", Ref: "table 4", TTL: 60_000, Created: noon,
	}
}

// offerBody is the first decision on the payment that request opens.
func offerBody(request pay.FactID) pay.Decision {
	return pay.Decision{
		Payment: pay.PaymentID(request), Prev: request, Claim: request, Seq: 1, State: pay.StateOffered, At: noon + 10,
		Terms: pay.Terms{
			Merchant: "m/cafe", MerchantName: "Café", Site: "Main hall", Amount: 1250, Currency: "EUR", Handle: "amber-otter",
			Ref: "table 4", Payer: pay.PayerRef{1, 2, 3}, Expires: noon + 60_000, Test: true,
		},
	}
}

func answerBody(offer pay.Fact, d pay.Decision) pay.Answer {
	return pay.Answer{
		Payment: d.Payment, Offer: offer.ID(), Merchant: d.Merchant, Amount: d.Amount, Currency: d.Currency,
		Expires: d.Expires, Verdict: pay.Approve, By: pay.ByHand, Created: noon + 500,
	}
}

// captureBody is the decision on an offer that an answer approved.
func captureBody(offer pay.FactID, d pay.Decision, answer pay.FactID) pay.Decision {
	d.Prev, d.Seq, d.State, d.Claim, d.By, d.At = offer, 2, pay.StateCaptured, answer, pay.ByHand, noon+600
	d.Sums = pay.Sums{Captured: d.Amount}
	return d
}

func authorityBody(t testing.TB) pay.Authority {
	return pay.Authority{Root: keyOf(t, rootSeed).Public(), Working: keyOf(t, workingSeed).Public(), From: noon - 1000, Until: noon + 1_000_000}
}

func bindBody(t testing.TB) pay.Bind {
	return pay.Bind{
		Registry: keyOf(t, rootSeed).ID(), Resolver: pay.BeaconKey{0x10}, Wallet: keyOf(t, walletSeed).ID(),
		Device: keyOf(t, deviceSeed).Public(), Beacon: pay.BeaconKey{0x20}, Exponent: 6, Counter: 65_280, Type: pay.TypeTag,
	}
}

// sample is a fact as some node would sign it.
type sample struct {
	name string
	key  pay.Key
	fact pay.Fact
}

// samples are facts of every kind: one payment from request to capture, one
// device from pairing to its end, and the least and the most that fields hold.
func samples(t testing.TB) (list []sample) {
	t.Helper()
	add := func(name string, seed byte, b pay.Body) pay.Fact {
		k := keyOf(t, seed)
		f := sign(t, k, b)
		list = append(list, sample{name, k, f})
		return f
	}
	req := add("request", boxSeed, requestBody())
	offered := offerBody(req.ID())
	offer := add("decision: offered", workingSeed, offered)
	answer := add("answer: approve", walletSeed, answerBody(offer, offered))
	add("decision: captured", workingSeed, captureBody(offer.ID(), offered, answer.ID()))

	declined := answerBody(offer, offered)
	declined.Verdict, declined.By = pay.Decline, "none"
	add("answer: decline", walletSeed, declined)
	add("cancel", boxSeed, pay.Cancel{Payment: pay.PaymentID(req.ID()), Created: noon + 700})
	expired := offerBody(req.ID())
	expired.Prev, expired.Claim, expired.Seq, expired.State, expired.Reason, expired.At = offer.ID(), pay.FactID{}, 2, pay.StateExpired, pay.ReasonNoAnswer, noon+60_000
	add("decision: expired, claim of zeros", workingSeed, expired)
	add("refusal", workingSeed, pay.Refusal{Claim: answer.ID(), Payment: pay.PaymentID(req.ID()), Reason: pay.ReasonLateAnswer, At: noon + 60_001})
	add("refusal about no payment", workingSeed, pay.Refusal{Claim: req.ID(), Reason: pay.ReasonWrongScope, At: 0})
	add("authority", rootSeed, authorityBody(t))

	bind := add("bind", deviceSeed, bindBody(t))
	mapping := add("mapping", walletSeed, pay.Mapping{Device: keyOf(t, deviceSeed).ID(), Bind: bind.Raw(), Vehicle: "plate=AB 123", Means: "visa", Created: noon})
	add("mapping without words", walletSeed, pay.Mapping{Device: keyOf(t, deviceSeed).ID(), Bind: bind.Raw(), Created: noon})
	add("device: active", workingSeed, pay.DeviceStatus{Device: keyOf(t, deviceSeed).ID(), Claim: mapping.ID(), State: pay.DeviceActive, Type: pay.TypeTag, Vehicle: "plate=AB 123", Means: "visa", At: noon + 5})
	revoke := add("revoke", walletSeed, pay.Revoke{Device: keyOf(t, deviceSeed).ID(), Created: noon + 9})
	add("device: revoked", workingSeed, pay.DeviceStatus{Device: keyOf(t, deviceSeed).ID(), Claim: revoke.ID(), State: pay.DeviceRevoked, Type: pay.TypeTag, At: noon + 10})
	add("node: box", workingSeed, pay.NodeStatus{Node: keyOf(t, boxSeed).Public(), Role: pay.RoleBox, Scope: "m/cafe", Name: "till-1", MerchantName: "Café", Site: "Main hall", At: noon})
	add("node: wallet revoked", workingSeed, pay.NodeStatus{Node: keyOf(t, walletSeed).Public(), Role: pay.RoleWallet, Scope: "w/anna", Name: "Anna", Revoked: true, At: noon})
	add("topup", workingSeed, pay.TopUp{Wallet: "w/anna", Amount: 5000, Currency: "EUR", Key: "gift", At: noon})
	add("node: wallet to be replaced", workingSeed, pay.NodeStatus{Node: keyOf(t, walletSeed).Public(), Role: pay.RoleWallet, Scope: "w/anna", Name: "Anna", Revoked: true, At: noon + 11, Replaced: true})
	add("node: wallet in its place", workingSeed, pay.NodeStatus{Node: keyOf(t, successorSeed).Public(), Role: pay.RoleWallet, Scope: "w/anna", Name: "Anna", At: noon + 12, Replaces: keyOf(t, walletSeed).ID()})
	forgotten := add("forgotten", deviceSeed, pay.Forgotten{Registry: keyOf(t, rootSeed).ID(), Wallet: keyOf(t, walletSeed).ID(), Device: keyOf(t, deviceSeed).Public(), Created: noon + 12})
	add("bind: with a former identity", successorSeed, pay.Bind{Registry: keyOf(t, rootSeed).ID(), Wallet: keyOf(t, walletSeed).ID(), Device: keyOf(t, successorSeed).Public(), Exponent: 6, Counter: 9, Type: pay.TypeTag, Former: pay.NewFormer([][]byte{forgotten.Raw()})})
	add("device: forgotten", workingSeed, pay.DeviceStatus{Device: keyOf(t, deviceSeed).ID(), Claim: revoke.ID(), State: pay.DeviceRevoked, Type: pay.TypeTag, At: noon + 13, Forgotten: true})
	add("vouched", workingSeed, pay.Vouched{Wallet: "w/anna", Device: keyOf(t, deviceSeed).ID(), At: noon + 13})
	add("replaced", workingSeed, pay.Replaced{Scope: "w/anna", Old: keyOf(t, walletSeed).ID(), New: keyOf(t, successorSeed).ID(), At: noon + 12})

	add("paid-out: a merchant", workingSeed, pay.PaidOut{Account: "m/cafe", Amount: 4200, Currency: "EUR", Key: "friday", At: noon + 14})
	add("paid-out: a wallet", workingSeed, pay.PaidOut{Account: "w/anna", Amount: pay.AmountMax, Currency: "EUR", Key: "k", At: noon + 15})
	add("moved", workingSeed, pay.Moved{From: "w/anna", To: "w/anna2", Amount: 800, Currency: "EUR", Key: "lost", At: noon + 16})
	add("moved: some was held", workingSeed, pay.Moved{From: "w/anna", To: "w/anna2", Amount: pay.BalanceMax, Currency: "EUR", Key: "lost", At: noon + 16, Held: 300})
	add("settled", workingSeed, pay.Settled{Payment: pay.PaymentID{7}, Of: pay.FactID{9}, Verb: "capture", Outcome: pay.SettledNotPaid, Why: "the acquirer has closed", At: noon + 17})
	means := add("means", walletSeed, pay.Means{Name: "Visa", Acquirer: pay.AcquirerStripe, Token: "cus_1/pm_1", Created: noon + 17})
	add("means: the account", walletSeed, pay.Means{Name: "lunch", Created: noon + 17})
	ended := add("means-end", walletSeed, pay.MeansEnd{Name: "Visa", Created: noon + 18})
	add("means-status", workingSeed, pay.MeansStatus{Name: "Visa", Acquirer: pay.AcquirerStripe, Claim: means.ID(), Test: true, At: noon + 18})
	add("means-status: ended", workingSeed, pay.MeansStatus{Name: "Visa", Acquirer: pay.AcquirerStripe, Claim: ended.ID(), Ended: true, At: noon + 19})
	add("acquirer-answer: approved", workingSeed, pay.AcquirerAnswer{Payment: pay.PaymentID(means.ID()), Claim: ended.ID(), Acquirer: pay.AcquirerStripe, Verb: "capture", Amount: 1250, Currency: "EUR", Approved: true, Reference: "pi_1", At: noon + 20})
	add("acquirer-answer: declined", workingSeed, pay.AcquirerAnswer{Payment: pay.PaymentID(means.ID()), Claim: ended.ID(), Acquirer: pay.AcquirerStripe, Verb: "authorise", Amount: 1250, Currency: "EUR", Reason: "insufficient_funds", At: noon + 20})
	add("contradiction", workingSeed, pay.Contradiction{Payment: pay.PaymentID(means.ID()), Claim: ended.ID(), Acquirer: pay.AcquirerSim, Verb: "authorise", What: "first approved, then declined", At: noon + 21})
	addMandates(t, add)
	add("clock", workingSeed, pay.ClockAccepted{At: noon, Before: noon + 7_200_000, Since: noon + 7_100_000})

	most := pay.Request{
		Key: pay.IdempotencyKey(strings.Repeat("k", pay.KeyBytesMax)), Merchant: pay.Scope("m/" + strings.Repeat("m", 46)),
		Site: pay.Name(strings.Repeat("s", pay.NameBytesMax)), Code: pay.Code{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		Handle: pay.Handle(strings.Repeat("a", 15) + "-" + strings.Repeat("b", 16)), Amount: pay.AmountMax, Currency: "KRW",
		Ref: strings.Repeat("é", pay.RefBytesMax/2), TTL: pay.RequestTTLMax, Created: 253_402_300_799_999,
	}
	add("request: the most", boxSeed, most)
	add("request: the least", boxSeed, pay.Request{Key: "k", Merchant: "m/m", Site: "s", Handle: "a-b", Amount: 1, Currency: "EUR", TTL: pay.RequestTTLMin})
	addTwoChannels(t, add)
	addEvidence(add)
	addHolds(add)
	addFuel(t, add)
	addTips(add)
	return list
}

// addMandates adds mandates with all their bounds and with few, what the registry states
// of them, and a payment by one.
func addMandates(t testing.TB, add func(name string, seed byte, b pay.Body) pay.Fact) {
	terms := pay.MandateTerms{Payee: "Café", Each: 2000, Budget: 10_000, Currency: "EUR", Until: noon + 30*86_400_000}
	mandate := add("mandate", walletSeed, pay.Mandate{MandateTerms: terms, Created: noon})
	add("mandate: all bounds", walletSeed, pay.Mandate{
		MandateTerms: pay.MandateTerms{Class: pay.ClassFuel, EachMin: 1, Each: 9000, Day: 9000, Budget: 90_000, Count: 12, Currency: "KRW", Until: noon + 400*86_400_000, Zone: -570},
		Device:       keyOf(t, deviceSeed).ID(), Means: "visa", Created: noon,
	})
	end := add("mandate-end", walletSeed, pay.MandateEnd{Mandate: mandate.ID(), Created: noon + 3})
	add("mandate-status: stands", workingSeed, pay.MandateStatus{MandateTerms: terms, Mandate: mandate.ID(), Merchant: "m/cafe", Payer: pay.PayerRef{7}, Claim: mandate.ID(), At: noon + 1})
	add("mandate-status: ended", workingSeed, pay.MandateStatus{MandateTerms: terms, Mandate: mandate.ID(), Merchant: "m/cafe", Payer: pay.PayerRef{7}, Ended: true, Claim: end.ID(), At: noon + 4})
	add("mandate-status: ended by the registry", workingSeed, pay.MandateStatus{MandateTerms: terms, Mandate: mandate.ID(), Merchant: "m/cafe", Payer: pay.PayerRef{7}, Ended: true, Reason: pay.ReasonNodeReplaced, At: noon + 4})

	request := requestBody()
	request.Key = "mandated"
	req := add("request: paid by a mandate", boxSeed, request)
	first := offerBody(req.ID())
	first.State, first.Mandate = pay.StateMandated, mandate.ID()
	covered := add("decision: mandated", workingSeed, first)
	paid := captureBody(covered.ID(), first, mandate.ID())
	paid.By = mandate.ID().By()
	add("decision: captured by a mandate", workingSeed, paid)
	first.State, first.Acquirer = pay.StateMandatedCall, pay.AcquirerSim
	add("decision: mandated, and an acquirer is called", workingSeed, first)
}

// addEvidence adds payments whose requests say how the payer was found, in words of
// now and of later.
func addEvidence(add func(name string, seed byte, b pay.Body) pay.Fact) {
	for _, how := range []struct {
		name     string
		evidence pay.Evidence
		certain  bool
	}{
		{"by words", pay.EvidenceWords, false},
		{"by a tap", pay.EvidenceTap, false},
		{"by a plate", pay.EvidencePlate, false},
		{"by strength", pay.EvidenceClear, false},
		{"by strength, certain", pay.EvidenceClear, true},
		{"as later versions do", pay.Evidence("a glance, " + strings.Repeat("é", 7)), true},
	} {
		r := requestBody()
		r.Evidence, r.Certain = how.evidence, how.certain
		d := offerBody(add("request: found "+how.name, boxSeed, r).ID())
		d.Evidence, d.Certain = how.evidence, how.certain
		add("decision: found "+how.name, workingSeed, d)
	}
	for _, heard := range []struct {
		name string
		dB   int
	}{{"as expected", 0}, {"stronger", 4}, {"weaker by the most", -pay.ExcessMax}} {
		r := requestBody()
		r.Evidence, r.Excess = pay.EvidenceWords, pay.ExcessOf(heard.dB)
		d := offerBody(add("request: heard "+heard.name, boxSeed, r).ID())
		d.Evidence, d.Excess = r.Evidence, r.Excess
		add("decision: heard "+heard.name, workingSeed, d)
	}
}

// addTwoChannels adds a payment for which the merchant asked two channels, from
// request to capture, and a wallet's step-up from the first amount to none.
func addTwoChannels(t testing.TB, add func(name string, seed byte, b pay.Body) pay.Fact) {
	t.Helper()
	r := requestBody()
	r.Key, r.TwoChannel = "order-18", true
	req := add("request: two channels", boxSeed, r)
	challenge := challengeBody(t, req.ID())
	add("challenge", workingSeed, challenge)
	offered := offerBody(req.ID())
	offered.StepUp = pay.StepUpMerchant
	offer := add("decision: offered, two channels needed", workingSeed, offered)
	a := answerBody(offer, offered)
	a.Code = authenticate(t, deviceSeed, pay.AuthenticatePayment(keyOf(t, rootSeed).ID(), keyOf(t, walletSeed).ID(), challenge, offered, 0))
	answer := add("answer: approve, with the device's code", walletSeed, a)
	add("decision: captured by two channels", workingSeed, captureBody(offer.ID(), offered, answer.ID()))
	add("refusal: no code", workingSeed, pay.Refusal{Claim: answer.ID(), Payment: pay.PaymentID(req.ID()), Reason: pay.ReasonNeedsDevice, At: noon + 20})

	add("device: active, on probation", workingSeed, pay.DeviceStatus{Device: keyOf(t, deviceSeed).ID(), Claim: req.ID(), State: pay.DeviceActive, Type: pay.TypeTag, At: noon, Trusted: noon.Add(pay.DeviceProbation)})

	first := add("step-up above: the first", walletSeed, pay.StepUpAbove{Above: 2000, Currency: "EUR", Created: noon})
	add("step-up", workingSeed, pay.StepUpStatus{Claim: first.ID(), Above: 2000, Currency: "EUR", At: noon + 1})
	add("step-up above: every payment", walletSeed, pay.StepUpAbove{Before: first.ID(), Currency: "EUR", Created: noon + 2})
	lifted := pay.StepUpAbove{Before: first.ID(), Above: pay.AmountMax, Currency: "EUR", Device: keyOf(t, deviceSeed).ID(), Created: noon + 2}
	lifted.Code = authenticate(t, deviceSeed, pay.AuthenticateStepUpAbove(keyOf(t, rootSeed).ID(), keyOf(t, walletSeed).ID(), lifted))
	add("step-up above: none, with the device's code", walletSeed, lifted)
}

// addHolds adds a payment that is held, increased, captured in part, and refunded in
// part, and what else an Opening can be.
func addHolds(add func(name string, seed byte, b pay.Body) pay.Fact) {
	r := requestBody()
	r.Key = "tab-7"
	req := add("must-request: to be held", boxSeed, pay.Opening{Request: r, Hold: pay.HoldMax})
	id := pay.PaymentID(req.ID())
	offered := offerBody(req.ID())
	offered.HoldUntil = noon.Add(pay.HoldMax)
	offer := add("decision: offered, to be held", workingSeed, offered)
	a := answerBody(offer, offered)
	a.HoldUntil = offered.HoldUntil
	answer := add("answer: approve a hold", walletSeed, a)
	held := captureBody(offer.ID(), offered, answer.ID())
	held.State, held.Sums = pay.StateHeld, pay.Sums{Held: offered.Amount}
	last := add("decision: held", workingSeed, held)

	more := pay.More{Payment: id, Merchant: held.Merchant, Amount: 500, Total: 1_750, Currency: "EUR", Expires: noon + 70_000, HoldUntil: held.HoldUntil}
	asked := add("increment", boxSeed, pay.Increment{Action: pay.Action{Payment: id, Key: "night-2", Amount: 500, Created: noon + 800}, TTL: 60_000})
	stands := add("increment-offer", workingSeed, pay.IncrementOffer{More: more, Claim: asked.ID(), At: noon + 801})
	yes := add("increment-answer: approve", walletSeed, pay.IncrementAnswer{More: more, Offer: stands.ID(), Verdict: pay.Approve, By: pay.ByHand, Created: noon + 802})
	add("increment-end: more is held", workingSeed, pay.IncrementEnd{Payment: id, Offer: stands.ID(), Claim: asked.ID(), Answer: yes.ID(), At: noon + 803})
	add("increment-end: no answer", workingSeed, pay.IncrementEnd{Payment: id, Offer: stands.ID(), Claim: asked.ID(), Reason: pay.ReasonNoAnswer, At: noon + 70_000})
	d := held
	next := func(name string, claim pay.Fact, s pay.State, sums pay.Sums) {
		d.Prev, d.Seq, d.Claim, d.State, d.Sums, d.At = last.ID(), d.Seq+1, claim.ID(), s, sums, d.At+1_000
		last = add("decision: "+name, workingSeed, d)
	}
	next("more is held", yes, pay.StateHeld, pay.Sums{Held: 1_750})
	part := add("capture: a part", boxSeed, pay.Capture{Action: pay.Action{Payment: id, Key: "round-1", Amount: 1_000, Created: noon + 900}})
	next("captured in part", part, pay.StateCaptured, pay.Sums{Held: 750, Captured: 1_000})
	add("capture: all that is held, final", boxSeed, pay.Capture{Action: pay.Action{Payment: id, Key: "round-2", Final: true, Created: noon + 901}})
	again := add("capture: the same by another box", deviceSeed, pay.Capture{Action: pay.Action{Payment: id, Key: "round-1", Amount: 1_000, Created: noon + 902}})
	add("action-known", workingSeed, pay.ActionKnown{Claim: again.ID(), First: part.ID(), Payment: id, At: noon + 903})
	void := add("void", boxSeed, pay.Void{Action: pay.Action{Payment: id, Key: "give-up", Created: noon + 904}})
	next("the rest given up", void, pay.StateCaptured, pay.Sums{Captured: 1_000, Released: 750})
	refund := add("refund: a part", boxSeed, pay.Refund{Action: pay.Action{Payment: id, Key: "back-1", Amount: 400, Created: noon + 905}})
	next("refunded in part", refund, pay.StatePartRefunded, pay.Sums{Captured: 1_000, Released: 750, Refunded: 400})
	rest := add("refund: all that is left", boxSeed, pay.Refund{Action: pay.Action{Payment: id, Key: "back-2", Created: noon + 906}})
	next("refunded", rest, pay.StateRefunded, pay.Sums{Captured: 1_000, Released: 750, Refunded: 1_000})

	r.Key, r.Amount = "later", 0
	later := add("must-request: the amount later", boxSeed, pay.Opening{Request: r, Later: true})
	add("price", boxSeed, pay.Price{Action: pay.Action{Payment: pay.PaymentID(later.ID()), Key: "set", Amount: 1_250, Created: noon + 907}})
	add("bill", workingSeed, pay.Bill{Merchant: "m/cafe", Number: "2026-117", Amount: 1_840, Currency: "EUR", At: noon})
	r.Key, r.Ref = "by-bill", "2026-117"
	add("must-request: by a bill, to be held", boxSeed, pay.Opening{Request: r, Bill: true, Hold: pay.HoldMin})
}

// addTips adds a payment with a tip that is captured at once, and one that is held.
func addTips(add func(name string, seed byte, b pay.Body) pay.Fact) {
	r := requestBody()
	r.Key, r.TipMax = "tips", 300
	for _, hold := range []pay.Millis{0, pay.HoldMin} {
		name, state, sums := "request: takes a tip", pay.StateCaptured, pay.Sums{Captured: 1_450}
		if hold != 0 {
			name, state, sums = "must-request: takes a tip, to be held", pay.StateHeld, pay.Sums{Held: 1_450}
		}
		req := add(name, boxSeed, pay.Opening{Request: r, Hold: hold}.Body())
		d := offerBody(req.ID())
		if d.TipMax = r.TipMax; hold != 0 {
			d.HoldUntil = noon.Add(hold)
		}
		offer := add("decision: offered, takes a tip, "+string(state), workingSeed, d)
		a := answerBody(offer, d)
		a.Tip, a.HoldUntil = 200, d.HoldUntil
		answer := add("answer: approve, with a tip, "+string(state), walletSeed, a)
		d.Prev, d.Claim, d.Seq, d.State, d.By, d.At, d.Tip = offer.ID(), answer.ID(), 2, pay.StateTipped, pay.ByHand, d.At+1_000, a.Tip
		tipped := add("decision: tipped, "+string(state), workingSeed, d)
		d.Prev, d.Seq, d.State, d.Sums = tipped.ID(), 3, state, sums
		add("decision: with a tip, "+string(state), workingSeed, d)
	}
}

// challengeBody is the registry's challenge for the payment that request opens.
func challengeBody(t testing.TB, request pay.FactID) pay.Challenge {
	t.Helper()
	return pay.Challenge{Payment: pay.PaymentID(request), Device: keyOf(t, deviceSeed).ID(), Nonce: pay.Nonce{0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, At: noon + 10}
}

func authenticate(t testing.TB, seed byte, a pay.Authentication) pay.AuthCode {
	t.Helper()
	code, err := pay.Authenticate(keyOf(t, seed), a)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// parts is the envelope of a fact taken to pieces, to be put together wrongly.
type parts struct {
	alg, keyID, contentType, header, unprotected, payload, signature, tag, array []byte
}

func (p parts) join() []byte {
	header := p.header
	if header == nil {
		header = slices.Concat([]byte{0xa3, 0x01}, p.alg, []byte{0x03}, p.contentType, []byte{0x04}, p.keyID)
	}
	return slices.Concat(p.tag, p.array, pay.Encode(header), p.unprotected, p.payload, p.signature)
}

// split takes the sample cancel to pieces. It is short, so that the vectors stay
// readable.
func split(t testing.TB) parts {
	t.Helper()
	f := sign(t, keyOf(t, boxSeed), pay.Cancel{Payment: pay.PaymentID{1}, Created: noon})
	var tag cbor.RawTag
	if err := cbor.Unmarshal(f.Raw(), &tag); err != nil {
		t.Fatal(err)
	}
	var env []cbor.RawMessage
	if err := cbor.Unmarshal(tag.Content, &env); err != nil || len(env) != 4 {
		t.Fatalf("%d parts, %v", len(env), err)
	}
	id := f.Signer()
	return parts{
		alg: []byte{0x27}, keyID: pay.Encode(id[:]), contentType: pay.Encode("application/vnd.paybeacon.cancel+cbor"),
		unprotected: env[1], payload: env[2], signature: env[3], tag: []byte{0xd2}, array: []byte{0x84},
	}
}

func TestPartsJoinToTheFact(t *testing.T) {
	t.Parallel()
	if f, err := pay.Parse(split(t).join()); err != nil || f.Verify(keyOf(t, boxSeed).Public()) != nil {
		t.Errorf("joined parts: %v", err)
	}
	p := split(t)
	p.payload = pay.Encode(slices.Concat([]byte{0xa2, 0x01}, pay.Encode(make([]byte, 32)), []byte{0x02}, pay.Encode(int64(noon))))
	if _, err := pay.Parse(p.join()); err != nil {
		t.Errorf("joined parts with a body made by hand: %v", err)
	}
}
