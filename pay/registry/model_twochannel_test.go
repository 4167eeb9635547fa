package registry_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

// channels is what the model knows of the second channel, by its own rules.
type channels struct {
	deviceOf map[pay.PaymentID]int // by whose code a payment was asked for
	above    [2]pay.Amount         // each payer's limit
	limit    [2]pay.FactID         // the claim that set it
	gone     [2]bool               // the device is revoked
	repaired [2]bool               // it was, and has given no code since
	spent    []pay.AuthCode        // codes given so far
	captured map[pay.FactID]bool   // captures by two channels that were seen
}

func newChannels() channels {
	return channels{deviceOf: make(map[pay.PaymentID]int), captured: make(map[pay.FactID]bool), above: [2]pay.Amount{pay.AmountMax, pay.AmountMax}}
}

// head returns the bytes that begin a CBOR item of a major type (RFC 8949
// section 3), n being its value or length.
func head(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
	default:
		return binary.BigEndian.AppendUint64([]byte{major | 27}, n)
	}
}

func text(s string) []byte    { return append(head(3, uint64(len(s))), s...) }
func bytesOf(b []byte) []byte { return append(head(2, uint64(len(b))), b...) }

// toSign is what a device signs, as wire/PROTOCOL.md draws it.
func toSign(purpose string, root, wallet pay.NodeID, nonce [16]byte, subject [32]byte, merchant string, amount pay.Amount) []byte {
	return slices.Concat(head(4, 9), text("paybeacon/1 authentication code"), text(purpose), bytesOf(root[:]), bytesOf(wallet[:]),
		bytesOf(nonce[:]), bytesOf(subject[:]), text(merchant), head(0, uint64(amount)), text("EUR"))
}

// authenticate signs as a device does.
func (d *device) authenticate(message []byte) pay.AuthCode {
	return pay.AuthCode(ed25519.Sign(d.key.Signer(), message))
}

// addCode puts a code into an answer: mostly the right one where one is demanded,
// else one that is wrong in one thing.
func (m *trade) addCode(t *rapid.T, who node, request pay.Fact, a *pay.Answer) {
	ch := m.challenge(who.status.Scope, request)
	demanded := !ch.Payment.IsZero()
	if a.Verdict != pay.Approve || (!demanded && rapid.IntRange(0, 9).Draw(t, "a code unasked") != 0) {
		return
	}
	i, merchant := m.deviceOf[a.Payment], string(a.Merchant)
	right := m.devices[i].authenticate(toSign("pay", m.root.ID(), who.key.ID(), ch.Nonce, a.Payment, merchant, a.Amount))
	switch rapid.IntRange(0, 15).Draw(t, "code") {
	case 0:
		return
	case 1:
		a.Code = m.devices[1-i].authenticate(toSign("pay", m.root.ID(), who.key.ID(), ch.Nonce, a.Payment, merchant, a.Amount))
	case 2:
		a.Code = m.devices[i].authenticate(toSign("step-up-above", m.root.ID(), who.key.ID(), ch.Nonce, a.Payment, merchant, a.Amount))
	case 3:
		a.Code = m.devices[i].authenticate(toSign("pay", m.root.ID(), who.key.ID(), [16]byte{}, a.Payment, merchant, a.Amount))
	case 4:
		a.Code = m.devices[i].authenticate(toSign("pay", m.root.ID(), who.key.ID(), ch.Nonce, a.Payment, merchant, a.Amount+1))
	case 5:
		a.Code = right
		a.Code[rapid.IntRange(0, 63).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 6:
		if a.Code = right; len(m.spent) > 0 {
			a.Code = rapid.SampledFrom(m.spent).Draw(t, "spent")
		}
	default:
		a.Code, m.spent = right, append(m.spent, right)
	}
}

// checkCode fails when a captured payment that demands two channels was approved
// without the code of the device that was heard, over its challenge and terms.
func (m *trade) checkCode(t *rapid.T, d pay.Decision, a pay.Answer) {
	i := m.deviceOf[d.Payment]
	ch := m.challenge(m.payers[i].status.Scope, m.mem.facts[pay.FactID(d.Payment)])
	if d.StepUp == "" && ch.Payment.IsZero() { // else the device was asked after the offer
		if !a.Code.IsZero() {
			t.Fatalf("captured by an approval with a code that nobody demanded")
		}
		return
	}
	public := m.devices[i].key.Public()
	signed := toSign("pay", m.root.ID(), m.payers[i].key.ID(), ch.Nonce, d.Payment, string(d.Merchant), d.Amount)
	if ch.Payment != d.Payment || ch.Nonce == (pay.Nonce{}) || ch.Device != m.devices[i].key.ID() || !ed25519.Verify(public[:], signed, a.Code[:]) {
		t.Fatalf("payment %s demands two channels (%s) and was captured without the code of its device", d.Payment.Short(), d.StepUp)
	}
}

// demandIsMade fails when an offer that must demand two channels does not.
func (m *trade) demandIsMade(t *rapid.T, box node, f pay.Fact, r pay.Request, i int) {
	d, _ := m.last(box.status.Scope, f)
	must := r.TwoChannel || r.Amount > m.above[i] || m.repaired[i]
	switch {
	case d.State != pay.StateOffered:
	case m.gone[i]:
		t.Fatalf("a revoked device's owner was asked")
	case must && d.StepUp == "":
		t.Fatalf("an offer of %d demands nothing: merchant asked %v, limit %d, paired again %v", r.Amount, r.TwoChannel, m.above[i], m.repaired[i])
	case d.StepUp != "" && d.Expires.Sub(m.now) > pay.TwoChannelLife:
		t.Fatalf("a challenge lives for %d ms", d.Expires.Sub(m.now))
	}
}

// proves notes that a device has just paid by two channels, and fails when it
// was revoked by then.
func (m *trade) proves(t *rapid.T, request pay.Fact) {
	if request.IsZero() {
		return
	}
	i := m.deviceOf[pay.PaymentID(request.ID())]
	d, id := m.last(m.payers[i].status.Scope, request)
	if _, err := pay.As[pay.Answer](m.mem.facts[d.Claim]); err != nil || d.SumsAfter().Authorised() == 0 || d.StepUp == "" || m.captured[id] {
		return
	}
	if m.captured[id] = true; m.gone[i] {
		t.Fatalf("a revoked device paid %s by two channels", d.Payment.Short())
	}
	m.repaired[i] = false
}

// limits lets a payer ask for a limit, by rules of the model's own: it comes
// into force when it replaces the one in force and is not higher, or the payer's
// own device agreed.
func (m *trade) limits(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "payer")
	who, before := m.payers[i], m.limit[i]
	if rapid.IntRange(0, 5).Draw(t, "stale") == 0 {
		before[0]++
	}
	m.serial++
	l := pay.StepUpAbove{
		Before: before, Above: pay.Amount(rapid.SampledFrom([]int64{0, 200, 600, 20_000, int64(pay.AmountMax)}).Draw(t, "above")),
		Currency: "EUR", Created: pay.Time(m.serial),
	}
	agreed := false
	if with := rapid.IntRange(0, 5).Draw(t, "with"); with > 0 {
		by, signed := i, toSign("step-up-above", m.root.ID(), who.key.ID(), [16]byte{}, before, "", l.Above)
		switch with {
		case 1:
			by = 1 - i // a device of somebody else
		case 2:
			signed = toSign("step-up-above", m.root.ID(), who.key.ID(), [16]byte{}, before, "", l.Above/2)
		case 3:
			signed = toSign("pay", m.root.ID(), who.key.ID(), [16]byte{}, before, "", l.Above)
		}
		l.Device, l.Code = m.devices[by].key.ID(), m.devices[by].authenticate(signed)
		agreed = (with > 3 || (with == 2 && l.Above == 0)) && !m.gone[i]
	}
	f := m.sign(who.key, l)
	m.send(t, 0, f)
	set := slices.ContainsFunc(m.feeds[who.status.Scope], func(f2 pay.Fact) bool {
		s, err := pay.As[pay.StepUpStatus](f2)
		return err == nil && s.Claim == f.ID()
	})
	if want := before == m.limit[i] && (l.Above <= m.above[i] || agreed); set != want {
		t.Fatalf("a limit of %d in place of %d, agreed %v: in force %v", l.Above, m.above[i], agreed, set)
	}
	if set {
		m.limit[i], m.above[i] = f.ID(), l.Above
	}
}

func (m *trade) revokes(t *rapid.T) {
	if rapid.IntRange(0, 2).Draw(t, "really") != 0 {
		t.Skip("seldom")
	}
	i := rapid.IntRange(0, 1).Draw(t, "device")
	m.serial++
	m.send(t, 0, m.sign(m.payers[i].key, pay.Revoke{Device: m.devices[i].key.ID(), Created: pay.Time(m.serial)}))
	m.gone[i] = true
}

func (m *trade) pairsAgain(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "device")
	m.now = m.now.Add(1_000) // so that the device's counter is newer
	m.pair(m.devices[i], m.payers[i])
	m.repaired[i] = m.repaired[i] || m.gone[i]
	m.gone[i] = false
}
