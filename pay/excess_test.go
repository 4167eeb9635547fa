package pay_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestExcessIsCoarse: a device's strength is stated in steps that many devices share,
// and as expected is not the same as not known.
func TestExcessIsCoarse(t *testing.T) {
	t.Parallel()
	for dB, want := range map[int]int{
		0: 0, 1: 0, -1: 0, 2: 4, -2: -4, 5: 4, 6: 8, -5: -4, -6: -8, 11: 12, 23: 24, 100: 24, -100: -24, 1 << 40: 24,
	} {
		if got, ok := pay.ExcessOf(dB).DB(); got != want || !ok {
			t.Errorf("%d dB is stated as %d, %v; want %d", dB, got, ok, want)
		}
	}
	if _, ok := (pay.Excess{}).DB(); ok || !(pay.Excess{}).IsZero() || pay.ExcessOf(0).IsZero() {
		t.Error("as expected, and not known, are the same")
	}
}

// TestExcessIsBounded: a body states a multiple of 4 within 24 and nothing else, and
// only beside how the payer was found.
func TestExcessIsBounded(t *testing.T) {
	t.Parallel()
	for _, dB := range []int{-25, -28, 28, 1, -2, 1 << 20, -1 << 40} {
		r := bodyOf(t, sign(t, keyOf(t, boxSeed), requestBody()))
		r[uint64(64)], r[uint64(66)] = "words", dB
		if err := pay.Decode(pay.Encode(r), new(pay.Request)); err == nil {
			t.Errorf("a request states %d dB", dB)
		}
		d := bodyOf(t, sign(t, keyOf(t, workingSeed), offerBody(pay.FactID{1})))
		d[uint64(67)], d[uint64(69)] = "words", dB
		if err := pay.Decode(pay.Encode(d), new(pay.Decision)); err == nil {
			t.Errorf("a decision states %d dB", dB)
		}
	}
	r, d := requestBody(), offerBody(pay.FactID{1})
	r.Evidence, d.Evidence = "", ""
	r.Excess, d.Excess = pay.ExcessOf(0), pay.ExcessOf(0)
	if r.Check() == nil || d.Check() == nil {
		t.Error("a strength stands without saying how the payer was found")
	}
}

// TestExcessDoesNotChangeOnTheWay: it is a term, the same in all decisions.
func TestExcessDoesNotChangeOnTheWay(t *testing.T) {
	t.Parallel()
	d := offerBody(pay.FactID{1})
	d.Evidence, d.Excess = pay.EvidenceWords, pay.ExcessOf(4)
	p, err := pay.Open(pay.FactID{1}).Next(pay.FactID{2}, d)
	if err != nil {
		t.Fatal(err)
	}
	end := captureBody(pay.FactID{2}, d, pay.FactID{3})
	if _, err := p.Next(pay.FactID{4}, end); err != nil {
		t.Error(err)
	}
	end.Excess = pay.ExcessOf(8)
	if _, err := p.Next(pay.FactID{4}, end); err == nil {
		t.Error("a capture states another strength than its offer")
	}
}

// TestLevelsAreFew: what a device may be told to state puts it among a third of all.
func TestLevelsAreFew(t *testing.T) {
	t.Parallel()
	n := 0
	for l := -128; l < 128; l++ {
		if pay.Level(l).Check() == nil {
			n++
		}
	}
	if n != 3 || pay.Level(-4).Check() != nil || pay.Level(0).Check() != nil || pay.Level(4).Check() != nil {
		t.Errorf("%d levels", n)
	}
}
