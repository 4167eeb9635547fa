package till_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

// TestRequestsSayHowThePayerWasFound: by words whenever the cashier named the payer,
// though the box was certain too; else as the box judged at that moment.
func TestRequestsSayHowThePayerWasFound(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		evidence pay.Evidence
		certain  bool
		to       pay.Handle
		want     pay.Evidence
		sure     bool
	}{
		"by strength":                 {pay.EvidenceClear, false, "", pay.EvidenceClear, false},
		"by strength, beyond doubt":   {pay.EvidenceClear, true, "", pay.EvidenceClear, true},
		"tapped":                      {pay.EvidenceTap, true, "", pay.EvidenceTap, false},
		"named":                       {"", false, "amber-otter", pay.EvidenceWords, false},
		"named by a beginning":        {"", false, "am", pay.EvidenceWords, false},
		"named, and clear":            {pay.EvidenceClear, true, "amber-otter", pay.EvidenceWords, false},
		"named, while another tapped": {pay.EvidenceTap, true, "icy-fox", pay.EvidenceWords, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			n := pay.Nearby{Evidence: tc.evidence, Certain: tc.certain, Candidates: []pay.Candidate{
				{Handle: "amber-otter", Code: pay.Code{1}, Near: true, Excess: pay.ExcessOf(-4)}, {Handle: "icy-fox", Code: pay.Code{2}, Near: true},
			}}
			if tc.evidence != "" {
				n.Clear = "amber-otter"
			}
			c, err := till.Pick(n, tc.to, func(pay.Handle) bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			o := w.order()
			o.To = tc.to
			e, r, err := w.till.Charge(w.rows, w.now, o, c)
			if err != nil {
				t.Fatal(err)
			}
			w.publish(r)
			req, err := pay.As[pay.Request](w.request(e.ID))
			if err != nil || req.Evidence != tc.want || req.Certain != tc.sure {
				t.Errorf("the request says %q, certain %v (%v)", req.Evidence, req.Certain, err)
			}
			strong := pay.Excess{} // who was found by strength was so because of it; the other one is not known
			if tc.want != pay.EvidenceClear && tc.to != "icy-fox" {
				strong = pay.ExcessOf(-4)
			}
			if req.Excess != strong {
				t.Errorf("the request says %+v of the strength, want %+v", req.Excess, strong)
			}
			if shown := w.show(e.ID); shown.Evidence != tc.want || shown.Certain != tc.sure {
				t.Errorf("shown is %q, certain %v", shown.Evidence, shown.Certain)
			}
		})
	}
}
