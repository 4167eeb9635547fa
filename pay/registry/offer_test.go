package registry

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestWhatIsFoundDecides lists what an offer depends on, one thing changed at a
// time, and what follows: why the owner is not asked, and why the payment needs
// two channels.
func TestWhatIsFoundDecides(t *testing.T) {
	t.Parallel()
	const now pay.Time = 1_800_000_000_000
	here, there := place{Merchant: "m/a", Site: "door"}, place{Merchant: "m/a", Site: "bar"}
	twice := func(p place) place { p.Twice = true; return p }
	for name, tc := range map[string]struct {
		change    func(*found)
		refusal   pay.Reason
		stepUp    pay.StepUp
		elsewhere bool
	}{
		"nothing unusual":               {func(*found) {}, "", "", false},
		"the wallet is revoked":         {func(f *found) { f.gone = pay.ReasonNodeRevoked }, pay.ReasonNodeRevoked, "", false},
		"19 prompts before":             {func(f *found) { f.recent = make([]prompted, 19) }, "", "", false},
		"20 prompts before":             {func(f *found) { f.recent = make([]prompted, 20) }, pay.ReasonTooManyPrompts, "", false},
		"20 that rules are to answer":   {func(f *found) { f.recent = expectedAt(f.now) }, "", "", false},
		"20 that rules did not answer":  {func(f *found) { f.recent = expectedAt(f.now.Add(-pay.PromptRuleWait)) }, pay.ReasonTooManyPrompts, "", false},
		"heard here before":             {func(f *found) { f.first = here }, "", "", false},
		"heard there before":            {func(f *found) { f.first = there }, "", pay.StepUpElsewhere, true},
		"heard here and there":          {func(f *found) { f.first = twice(here) }, "", pay.StepUpElsewhere, true},
		"heard there and elsewhere":     {func(f *found) { f.first = twice(there) }, "", pay.StepUpElsewhere, true},
		"a clock ahead, within drift":   {func(f *found) { f.heard = f.source.begin(f.step).Add(-1_000) }, "", "", false},
		"a clock ahead, beyond drift":   {func(f *found) { f.heard = f.source.begin(f.step).Add(-4_000) }, "", pay.StepUpDrift, false},
		"paired again":                  {func(f *found) { f.row.Repaired = true }, "", pay.StepUpRepaired, false},
		"silent for just under a month": {func(f *found) { f.source.Resolved = f.heard.Add(1 - pay.SilenceMax) }, "", "", false},
		"silent for a month":            {func(f *found) { f.source.Resolved = f.heard.Add(-pay.SilenceMax) }, "", pay.StepUpSilence, false},
		"at the payer's amount":         {func(f *found) { f.above = stepUpRow{Above: 500, Currency: "EUR"} }, "", "", false},
		"above the payer's amount":      {func(f *found) { f.above = stepUpRow{Above: 499, Currency: "EUR"} }, "", pay.StepUpPayer, false},
		"above it in another currency":  {func(f *found) { f.above = stepUpRow{Above: 499, Currency: "USD"} }, "", "", false},
		"the merchant asks for it":      {func(f *found) { f.asked = true }, "", pay.StepUpMerchant, false},
		"all at once": {func(f *found) {
			f.first, f.row.Repaired, f.asked, f.above = there, true, true, stepUpRow{Currency: "EUR"}
		}, "", pay.StepUpElsewhere, true},
		"all but the place": {func(f *found) {
			f.row.Repaired, f.asked, f.above = true, true, stepUpRow{Currency: "EUR"}
		}, "", pay.StepUpRepaired, false},
		"the payer and the merchant": {func(f *found) { f.asked, f.above = true, stepUpRow{Currency: "EUR"} }, "", pay.StepUpPayer, false},
	} {
		source := CodeSource{Exponent: 6, Counter: 64_000, AnchorAt: now, Resolved: now}
		f := found{match: match{source: source, step: 1_000}, now: now, heard: now, amount: 500, currency: "EUR", here: here}
		tc.change(&f)
		if r, s, e := f.refusal(), f.stepUp(), f.elsewhere(); r != tc.refusal || s != tc.stepUp || e != tc.elsewhere {
			t.Errorf("%s: refused %q, steps up %q, elsewhere %v; want %q, %q, %v", name, r, s, e, tc.refusal, tc.stepUp, tc.elsewhere)
		}
	}
}

func expectedAt(at pay.Time) []prompted {
	list := make([]prompted, 20)
	for i := range list {
		list[i] = prompted{At: at, ByRule: true}
	}
	return list
}
