package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

// settler is a tab of several payments, of which each step happens to one that is drawn.
type settler struct {
	*tab
	requests []pay.Fact
	free     map[pay.PaymentID]bool // it was said that this may be charged again
}

// TestOperatorAmongAllOthers lets the operator settle at random between what payer, merchant,
// clock and an acquirer do that answers in any order, or never. What may be charged again is
// never paid after all, no step fails, and book and audit agree with the facts.
func TestOperatorAmongAllOthers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := &settler{tab: newTab(t), free: map[pay.PaymentID]bool{}}
		if rapid.IntRange(0, 3).Draw(t, "means") > 0 {
			if no := s.setMeans(s.payer, pay.Means{Name: "visa", Acquirer: pay.AcquirerSim, Token: "sim-ok"}); no != "" {
				t.Fatalf("means refused: %s", no)
			}
			s.tie(s.beacon, s.payer, "visa")
		}
		s.asks("hold 500 tips=100")
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			s.request = rapid.SampledFrom(s.requests).Draw(t, "payment")
			s.goesOn(t)
			s.wantFreeUnpaid(t)
		}
		s.auditOK()
	})
}

func (s *settler) asks(words string) {
	s.Helper()
	s.step(words)
	s.requests = append(s.requests, s.request)
}

func (s *settler) goesOn(t *rapid.T) {
	t.Helper()
	n := rapid.IntRange(0, 600)
	switch rapid.IntRange(0, 11).Draw(t, "step") {
	case 0:
		s.asks(fmt.Sprintf("charge %d tips=%d", n.Draw(t, "amount")+1, n.Draw(t, "tips")))
	case 1:
		s.asks(fmt.Sprintf("hold %d tips=%d", n.Draw(t, "amount")+1, n.Draw(t, "tips")))
	case 2, 3:
		if s.stands().Seq > 0 {
			s.step(fmt.Sprintf("approve tip=%d", rapid.SampledFrom([]int{0, 0, 50}).Draw(t, "tip")))
		}
	case 4:
		s.step(fmt.Sprintf("capture %d", n.Draw(t, "amount")) + rapid.SampledFrom([]string{"", " final"}).Draw(t, "final"))
	case 5:
		s.step(rapid.SampledFrom([]string{"void", "cancel", "more 50"}).Draw(t, "word"))
	case 6:
		s.step(fmt.Sprintf("refund %d", n.Draw(t, "amount")))
	case 7:
		s.step(fmt.Sprintf("wait %d", n.Draw(t, "seconds")*5_000))
	case 8, 9:
		s.answersOne(t)
	default:
		as := rapid.SampledFrom([]pay.SettledAs{"", pay.SettledPaid, pay.SettledNotPaid, pay.SettledRefunded, pay.SettledNotRefunded}).Draw(t, "as")
		_, err := s.settle(s.request, as, "so I say")
		if code := pay.CodeOf(err); err != nil && !slices.Contains([]pay.ErrorCode{pay.CodeConflict, pay.CodeUsage, pay.CodeNotFound}, code) {
			t.Fatalf("settle as %q: %v", as, err)
		}
	}
}

// answersOne lets the acquirer answer one of its calls.
func (s *settler) answersOne(t *rapid.T) {
	t.Helper()
	if len(s.effects) == 0 {
		return
	}
	i := rapid.IntRange(0, len(s.effects)-1).Draw(t, "call")
	s.effects[0], s.effects[i] = s.effects[i], s.effects[0]
	s.replyBy(strings.TrimPrefix(rapid.SampledFrom([]string{"yes", "yes", "no_such_card"}).Draw(t, "reply"), "yes"))
}

// wantFreeUnpaid fails if a payment is anything but unpaid that was said to be so.
func (s *settler) wantFreeUnpaid(t *rapid.T) {
	t.Helper()
	for _, s.request = range s.requests {
		p := s.stands()
		safe := p.Outcome(pay.Local{}).SafeToRetry()
		if s.free[p.ID] && !safe {
			t.Fatalf("payment %s might be charged again and is %s now", p.ID.Short(), p.State)
		}
		s.free[p.ID] = safe
	}
}
