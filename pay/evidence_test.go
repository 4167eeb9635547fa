package pay_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestWhatPaysWithoutAPerson: words, a tap and a plate are the payer's own doing.
// Strength alone is not, unless the box is certain; and what this program does not
// know is never enough, whatever stands beside it.
func TestWhatPaysWithoutAPerson(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		evidence pay.Evidence
		certain  bool
		stepUp   pay.StepUp
		want     pay.Asks
	}{
		{pay.EvidenceWords, false, "", ""},
		{pay.EvidenceTap, false, "", ""},
		{pay.EvidencePlate, false, "", ""},
		{pay.EvidenceClear, true, "", ""},
		{pay.EvidenceClear, false, "", pay.AsksStrengthAlone},
		{"", false, "", pay.AsksNoEvidence},
		{"gaze", false, "", pay.AsksUnknownEvidence},
		{"gaze", true, "", pay.AsksUnknownEvidence},
		{"Words", true, "", pay.AsksUnknownEvidence},
		{"words ", false, "", pay.AsksUnknownEvidence},
		{pay.EvidenceWords, false, pay.StepUpMerchant, ""},
		{pay.EvidenceWords, false, pay.StepUpElsewhere, pay.AsksElsewhere},
		{pay.EvidenceClear, false, pay.StepUpElsewhere, pay.AsksElsewhere},
		{pay.EvidenceClear, false, pay.StepUpMerchant, pay.AsksStrengthAlone},
	} {
		terms := pay.Terms{Evidence: tc.evidence, Certain: tc.certain, StepUp: tc.stepUp}
		if got := terms.Asks(); got != tc.want || terms.AnswersAlone() != (tc.want == "") {
			t.Errorf("%+v asks a person: %q, want %q", tc, got, tc.want)
		}
	}
}

// TestEvidenceIsBounded: what a later box says can be read, as far as it is a short
// printable text; certainty needs something to be certain of.
func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		evidence pay.Evidence
		certain  bool
		ok       bool
	}{
		{"", false, true},
		{"", true, false},
		{"clear", true, true},
		{"words", true, true},
		{pay.Evidence(strings.Repeat("e", 24)), false, true},
		{pay.Evidence(strings.Repeat("e", 25)), false, false},
		{"a\x1b", false, false},
		{"\xff", false, false},
	} {
		r := requestBody()
		r.Evidence, r.Certain = tc.evidence, tc.certain
		d := offerBody(pay.FactID{1})
		d.Evidence, d.Certain = tc.evidence, tc.certain
		if r.Check() == nil != tc.ok || d.Check() == nil != tc.ok {
			t.Errorf("%q, certain %v: %v, %v", tc.evidence, tc.certain, r.Check(), d.Check())
		}
	}
}

// TestEvidenceLeavesOldFactsAlone: a request and a decision without evidence have
// the bytes that they always had.
func TestEvidenceLeavesOldFactsAlone(t *testing.T) {
	t.Parallel()
	r := sign(t, keyOf(t, boxSeed), requestBody())
	d := sign(t, keyOf(t, workingSeed), offerBody(r.ID()))
	for key := uint64(64); key <= 68; key++ {
		for _, f := range []pay.Fact{r, d} {
			if v, ok := bodyOf(t, f)[key]; ok {
				t.Errorf("%s has %v under %d", f.Kind(), v, key)
			}
		}
	}
}

// TestEvidenceDoesNotChangeOnTheWay: it is a term, the same in all decisions.
func TestEvidenceDoesNotChangeOnTheWay(t *testing.T) {
	t.Parallel()
	d := offerBody(pay.FactID{1})
	d.Evidence = pay.EvidenceClear
	p, err := pay.Open(pay.FactID{1}).Next(pay.FactID{2}, d)
	if err != nil {
		t.Fatal(err)
	}
	end := captureBody(pay.FactID{2}, d, pay.FactID{3})
	if _, err := p.Next(pay.FactID{4}, end); err != nil {
		t.Error(err)
	}
	end.Certain = true
	if _, err := p.Next(pay.FactID{4}, end); err == nil {
		t.Error("a capture makes the payer certain who was not")
	}
}
