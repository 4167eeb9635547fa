package wallet_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

const hours = pay.Millis(3_600_000)

// seoul is nine hours ahead, all year.
var seoul = time.FixedZone("KST", 9*3600)

// rulesWorld is a wallet in Seoul whose owner has paid at the cafe by hand.
type rulesWorld struct {
	*world
	n int
}

func newRulesWorld(t testing.TB, flag wallet.Rule) *rulesWorld {
	t.Helper()
	w := &rulesWorld{world: newWorld(t, wallet.Rule{})}
	w.again(wallet.Rule{})
	offer := w.at("m/cafe", 1, start, pay.EvidenceWords)
	w.deliver(offer)
	_, f, err := w.answer(decisionOf(t, offer).Payment.String(), pay.Approve, pay.ByHand)
	if err != nil {
		t.Fatal(err)
	}
	w.ends(offer, pay.StateCaptured, f.ID(), pay.ByHand)
	w.again(flag)
	return w
}

// again opens the wallet anew over the same store.
func (w *rulesWorld) again(flag wallet.Rule) {
	var err error
	if w.wallet, err = wallet.New(wallet.Options{Key: w.own, Scope: scope, Root: w.root.ID(), Rule: flag, Zone: seoul}); err != nil {
		w.Fatal(err)
	}
}

// at returns an offer of a merchant that the registry dates at a moment.
func (w *rulesWorld) at(merchant pay.Scope, amount pay.Amount, at pay.Time, e pay.Evidence) pay.Fact {
	w.Helper()
	w.n++
	d := decisionOf(w, w.world.offer(1, amount, "EUR"))
	d.Payment = pay.PaymentID{byte(w.n), byte(w.n >> 8), 0xbb}
	d.Prev, d.Claim = pay.FactID(d.Payment), pay.FactID(d.Payment)
	d.Merchant, d.MerchantName, d.At, d.Expires, d.Evidence = merchant, pay.Name(merchant[2:]), at, at.Add(60*second), e
	return sign(w, w.working, d)
}

// ends delivers the decision by which an offer ends.
func (w *rulesWorld) ends(offer pay.Fact, s pay.State, claim pay.FactID, by pay.Rule) {
	w.Helper()
	d := decisionOf(w, w.end(offer, s, claim))
	if s == pay.StateCaptured {
		d.By = by
	}
	w.deliver(sign(w, w.working, d))
}

func (w *rulesWorld) add(s wallet.StandingRule) {
	w.Helper()
	s.Currency = "EUR"
	if _, err := w.wallet.AddRule(w.rows, w.now, s); err != nil {
		w.Fatal(err)
	}
}

// says delivers an offer now and returns under which name the wallet approved it, "" if
// it asks.
func (w *rulesWorld) says(merchant pay.Scope, amount pay.Amount) pay.Rule {
	w.Helper()
	_, by := w.offered(w.at(merchant, amount, w.now, pay.EvidenceWords))
	return by
}

func (w *rulesWorld) offered(offer pay.Fact) (answer pay.Fact, by pay.Rule) {
	w.Helper()
	answers := w.deliver(offer)
	if len(answers) == 0 {
		return pay.Fact{}, ""
	}
	a, err := pay.As[pay.Answer](answers[0])
	if err != nil || a.Verdict != pay.Approve {
		w.Fatalf("answer %+v, %v", a, err)
	}
	return answers[0], a.By
}

func TestStandingRules(t *testing.T) {
	t.Parallel()
	coffee := wallet.StandingRule{Name: "coffee", Each: 500}
	for _, tc := range []struct {
		name  string
		flag  wallet.Rule
		rules []wallet.StandingRule
		says  []any // merchant, amount, who approves; and so on
	}{
		{"none", wallet.Rule{}, nil, []any{"m/cafe", 1, ""}},
		{"within each", wallet.Rule{}, []wallet.StandingRule{coffee}, []any{"m/cafe", 500, "rule:coffee", "m/cafe", 501, "", "m/cafe", 1, "rule:coffee"}},
		{"first visit", wallet.Rule{}, []wallet.StandingRule{coffee}, []any{"m/bar", 1, ""}},
		{"first visit allowed", wallet.Rule{}, []wallet.StandingRule{{Name: "any", Each: 500, Strangers: true}}, []any{"m/bar", 1, "rule:any"}},
		{"one merchant by name", wallet.Rule{}, []wallet.StandingRule{{Name: "bar", Each: 500, Merchant: "bar"}}, []any{"m/bar", 1, "rule:bar", "m/cafe", 1, ""}},
		{"one merchant by scope", wallet.Rule{}, []wallet.StandingRule{{Name: "bar", Each: 500, Merchant: "m/bar"}}, []any{"m/bar", 1, "rule:bar", "m/cafe", 1, ""}},
		{"a day", wallet.Rule{}, []wallet.StandingRule{{Name: "a", Each: 500, Day: 800}}, []any{"m/cafe", 500, "rule:a", "m/cafe", 301, "", "m/cafe", 300, "rule:a", "m/cafe", 1, ""}},
		{"a day at one merchant", wallet.Rule{}, []wallet.StandingRule{{Name: "a", Each: 500, MerchantDay: 600, Strangers: true}},
			[]any{"m/cafe", 500, "rule:a", "m/cafe", 101, "", "m/bar", 500, "rule:a", "m/cafe", 100, "rule:a"}},
		{"the next rule", wallet.Rule{}, []wallet.StandingRule{{Name: "a", Each: 500, Day: 500}, {Name: "b", Each: 100}}, []any{"m/cafe", 500, "rule:a", "m/cafe", 100, "rule:b"}},
		{"the flag first", wallet.Rule{Kind: wallet.Under, Limit: 100, Currency: "EUR"}, []wallet.StandingRule{coffee}, []any{"m/cafe", 100, "under", "m/cafe", 101, "rule:coffee"}},
		{"what the flag approves counts", wallet.Rule{Kind: wallet.Under, Limit: 100, Currency: "EUR"}, []wallet.StandingRule{{Name: "a", Each: 500, Day: 500}},
			[]any{"m/cafe", 100, "under", "m/cafe", 401, "", "m/cafe", 400, "rule:a"}},
	} {
		w := newRulesWorld(t, tc.flag)
		for _, s := range tc.rules {
			w.add(s)
		}
		for i := 0; i < len(tc.says); i += 3 {
			merchant, amount, want := pay.Scope(fmt.Sprint(tc.says[i])), pay.Amount(tc.says[i+1].(int)), pay.Rule(fmt.Sprint(tc.says[i+2]))
			if got := w.says(merchant, amount); got != want {
				t.Errorf("%s: %d at %s is approved by %q, want %q", tc.name, amount, merchant, got, want)
			}
		}
	}
}

// To decline everything comes before all rules, and weak evidence before all approvals.
func TestStandingRulesAnswerOnlyWhatRulesMay(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	w.add(wallet.StandingRule{Name: "coffee", Each: 500})
	if _, by := w.offered(w.at("m/cafe", 1, w.now, pay.EvidenceClear)); by != "" {
		t.Errorf("approved by %s what nobody was certain of", by)
	}
	w.again(wallet.Rule{Kind: wallet.None})
	made := w.deliver(w.at("m/cafe", 1, w.now, pay.EvidenceWords))
	if a, err := pay.As[pay.Answer](made[0]); err != nil || a.Verdict != pay.Decline || a.By != "none" {
		t.Errorf("answer %+v, %v", a, err)
	}
}

// A pause stops the rules and the flag, and ends by itself where both clocks say so.
func TestPause(t *testing.T) {
	t.Parallel()
	for _, flag := range []wallet.Rule{{}, {Kind: wallet.All}} {
		want := pay.Rule("rule:coffee")
		if flag.Kind == wallet.All {
			want = "all"
		}
		w := newRulesWorld(t, flag)
		w.add(wallet.StandingRule{Name: "coffee", Each: 500})
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(w.wallet.PauseRules(w.rows, 0))
		if got := w.says("m/cafe", 1); got != "" {
			t.Errorf("paused, and %s approves", got)
		}
		waits := w.at("m/cafe", 2, w.now, pay.EvidenceWords)
		w.deliver(waits)
		id := decisionOf(t, waits).Payment.String()
		if _, _, err := w.answer(id, pay.Approve, "exec"); pay.CodeOf(err) != pay.CodeNotAllowed {
			t.Errorf("a program approves in a pause: %v", err)
		}
		must(w.wallet.ResumeRules(w.rows))
		if got := w.says("m/cafe", 1); got != want {
			t.Errorf("resumed, and %q approves", got)
		}
		must(w.wallet.PauseRules(w.rows, w.now.Add(hours)))
		paused, at := w.now, func(wall, registry pay.Millis) pay.Rule {
			w.now = start.Add(wall)
			_, by := w.offered(w.at("m/cafe", 1, start.Add(registry), pay.EvidenceWords))
			return by
		}
		if paused != start {
			t.Fatal("the clock has moved")
		}
		for _, tc := range []struct {
			wall, registry pay.Millis
			want           pay.Rule
		}{{0, 0, ""}, {2 * hours, 0, ""}, {0, 2 * hours, ""}, {hours - 1, hours, ""}, {hours, hours, want}} {
			if got := at(tc.wall, tc.registry); got != tc.want {
				t.Errorf("%v later, by the registry's clock %v: %q, want %q", tc.wall, tc.registry, got, tc.want)
			}
		}
		if _, _, err := w.answer(id, pay.Approve, pay.ByHand); err != nil {
			t.Errorf("a person approves: %v", err)
		}
	}
}

// A day begins at midnight in Seoul, which is 15:00 UTC, and a clock that was set opens
// none.
func TestDayOfRules(t *testing.T) {
	t.Parallel()
	midnight := pay.TimeOf(time.Date(2023, 11, 15, 0, 0, 0, 0, seoul))
	for _, tc := range []struct {
		name           string
		wall, registry pay.Time
		want           pay.Rule
	}{
		{"the last moment of the day", midnight - 1, midnight - 1, ""},
		{"the next day", midnight, midnight, "rule:a"},
		{"the wallet's clock was set a day ahead", midnight, midnight - 1, ""},
		{"the wallet's clock was set far ahead", midnight.Add(900 * hours), midnight - 1, ""},
		{"the registry's date is another", midnight - 1, midnight, ""},
		{"the registry is a year ahead", midnight - 1, midnight.Add(8760 * hours), ""},
	} {
		w := newRulesWorld(t, wallet.Rule{})
		w.now = midnight - 5
		w.add(wallet.StandingRule{Name: "a", Each: 500, Day: 500})
		if got := w.says("m/cafe", 500); got != "rule:a" {
			t.Fatalf("approved by %q", got)
		}
		w.now = tc.wall
		if _, got := w.offered(w.at("m/cafe", 500, tc.registry, pay.EvidenceWords)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestRulesOutliveARestart(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	w.add(wallet.StandingRule{Name: "a", Each: 500, Day: 600})
	w.says("m/cafe", 500)
	w.again(wallet.Rule{})
	if got := w.says("m/cafe", 101); got != "" {
		t.Errorf("after a restart %q approves more than is left", got)
	}
	if got := w.says("m/cafe", 100); got != "rule:a" {
		t.Errorf("after a restart %q approves what is left", got)
	}
	all, err := w.wallet.StandingRules(w.rows, w.now, "EUR")
	if err != nil || len(all.Rules) != 1 || all.Spent != 600 || all.Paused {
		t.Errorf("rules %+v, %v", all, err)
	}
}

// A rule that was removed since approves nothing more, though its name was noted before
// the device was asked; nor does one whose day another payment has filled.
func TestRuleIsAskedAgainWithTheAnswer(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	offer := w.at("m/cafe", 400, w.now, pay.EvidenceWords)
	w.deliver(offer)
	id := decisionOf(t, offer).Payment.String()
	w.add(wallet.StandingRule{Name: "a", Each: 500, Day: 500})
	w.add(wallet.StandingRule{Name: "b", Each: 100})
	w.says("m/cafe", 101)
	for _, by := range []pay.Rule{"rule:a", "rule:b", "rule:c"} {
		if _, _, err := w.answer(id, pay.Approve, by); pay.CodeOf(err) != pay.CodeNotAllowed {
			t.Errorf("%s: %v", by, err)
		}
	}
	if _, err := w.wallet.RemoveRule(w.rows, "a"); err != nil {
		t.Fatal(err)
	}
	w.add(wallet.StandingRule{Name: "a", Each: 500, Day: 501})
	if _, _, err := w.answer(id, pay.Approve, "rule:a"); err != nil {
		t.Error(err)
	}
}

// Rules of a store that was put back may hold one that was removed since: they are
// paused. What they had approved counts all the same.
func TestRulesOfAnOlderCopyArePaused(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	w.add(wallet.StandingRule{Name: "a", Each: 500, Day: 500})
	old := maps.Clone(w.values)
	offer := w.at("m/cafe", 400, w.now, pay.EvidenceWords)
	answer, _ := w.offered(offer)
	w.values = old
	w.recalled(answer)
	w.deliver(offer)
	all, err := w.wallet.StandingRules(w.rows, w.now, "EUR")
	if err != nil || !all.Paused || all.Spent != 400 {
		t.Errorf("rules %+v, %v", all, err)
	}
	if err := w.wallet.ResumeRules(w.rows); err != nil {
		t.Fatal(err)
	}
	if got := w.says("m/cafe", 101); got != "" {
		t.Errorf("%q approves more than was left", got)
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newRulesWorld(t, wallet.Rule{})
	for name, tc := range map[string]struct {
		rule wallet.StandingRule
		want pay.ErrorCode
	}{
		"no name":               {wallet.StandingRule{Each: 1}, pay.CodeUsage},
		"a name with a colon":   {wallet.StandingRule{Name: "under:5", Each: 1}, pay.CodeUsage},
		"a name with a blank":   {wallet.StandingRule{Name: "a b", Each: 1}, pay.CodeUsage},
		"a name that is long":   {wallet.StandingRule{Name: "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", Each: 1}, pay.CodeUsage},
		"no amount":             {wallet.StandingRule{Name: "a"}, pay.CodeAmount},
		"a negative cap":        {wallet.StandingRule{Name: "a", Each: 1, Day: -1}, pay.CodeAmount},
		"a day below each":      {wallet.StandingRule{Name: "a", Each: 5, Day: 4}, pay.CodeAmount},
		"a merchant below each": {wallet.StandingRule{Name: "a", Each: 5, MerchantDay: 4}, pay.CodeAmount},
	} {
		before := w.snapshot()
		tc.rule.Currency = "EUR"
		_, err := w.wallet.AddRule(w.rows, w.now, tc.rule)
		if pay.CodeOf(err) != tc.want || w.snapshot() != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range pay.RulesMax {
		w.add(wallet.StandingRule{Name: pay.Rule(fmt.Sprint("r", i)), Each: 1})
	}
	w.add(wallet.StandingRule{Name: "r1", Each: 2})
	_, err := w.wallet.AddRule(w.rows, w.now, wallet.StandingRule{Name: "more", Each: 1, Currency: "EUR"})
	wantCode(t, err, pay.CodeTooMany)
	_, err = w.wallet.RemoveRule(w.rows, "more")
	wantCode(t, err, pay.CodeNotFound)
}

// approval is one that the model of TestCapsHold counts.
type approval struct {
	offer, answer pay.Fact
	merchant      pay.Scope
	amount        pay.Amount
	days          map[string]bool
	ended         bool
}

// capsModel is what the owner of a wallet expects of the rules.
type capsModel struct {
	*rulesWorld
	rules []wallet.StandingRule
	given []*approval
}

// room reports whether a rule covers an offer on all its days.
func (m *capsModel) room(s wallet.StandingRule, merchant pay.Scope, amount pay.Amount, days map[string]bool) bool {
	for day := range days {
		var all, there pay.Amount
		for _, a := range m.given {
			if a.days[day] {
				all += a.amount
				if a.merchant == merchant {
					there += a.amount
				}
			}
		}
		if (s.Day > 0 && all+amount > s.Day) || (s.MerchantDay > 0 && there+amount > s.MerchantDay) {
			return false
		}
	}
	return amount <= s.Each && (s.Merchant == "" || s.Merchant == string(merchant)) && (s.Strangers || s.Merchant != "" || merchant == "m/cafe")
}

func (m *capsModel) offer(t *rapid.T) {
	merchant := rapid.SampledFrom([]pay.Scope{"m/cafe", "m/bar", "m/club"}).Draw(t, "merchant")
	amount := pay.Amount(rapid.IntRange(1, 60).Draw(t, "amount"))
	registry := m.now.Add(pay.Millis(rapid.SampledFrom([]int{0, 0, 0, 1000, -86_400_000, 86_400_000}).Draw(t, "registry's clock")))
	days := map[string]bool{}
	for _, at := range []pay.Time{m.now, registry} {
		days[at.Std().In(seoul).Format(time.DateOnly)] = true
	}
	want := false
	for _, s := range m.rules {
		want = want || m.room(s, merchant, amount, days)
	}
	offer := m.at(merchant, amount, registry, pay.EvidenceTap)
	answer, by := m.offered(offer)
	if (by != "") != want {
		t.Fatalf("%d at %s is approved by %q, the model says %v", amount, merchant, by, want)
	}
	if by == "" {
		return
	}
	for _, s := range m.rules {
		if s.By() == by && !m.room(s, merchant, amount, days) {
			t.Fatalf("%d at %s is approved by %s, which has no room", amount, merchant, by)
		}
	}
	m.given = append(m.given, &approval{offer: offer, answer: answer, merchant: merchant, amount: amount, days: days})
}

// ending ends a payment that was approved, paid or not, or has its answer refused.
func (m *capsModel) ending(t *rapid.T) {
	if len(m.given) == 0 {
		t.Skip("nothing was approved")
	}
	a := rapid.SampledFrom(m.given).Draw(t, "approval")
	if a.ended {
		return
	}
	a.ended = true
	by := pay.Rule("rule:x")
	switch rapid.SampledFrom([]string{"paid", "paid", "expired", "refused"}).Draw(t, "end") {
	case "paid":
		m.ends(a.offer, pay.StateCaptured, a.answer.ID(), by)
		return
	case "expired":
		m.ends(a.offer, pay.StateExpired, pay.FactID{}, "")
	case "refused":
		m.refuse(a.answer, pay.ReasonNeedsPerson)
	}
	a.days = nil
}

func (m *capsModel) change(t *rapid.T) {
	s := wallet.StandingRule{
		Name: rapid.SampledFrom([]pay.Rule{"a", "b", "c"}).Draw(t, "name"), Each: pay.Amount(rapid.IntRange(1, 50).Draw(t, "each")),
		Strangers: rapid.Bool().Draw(t, "strangers"), Merchant: rapid.SampledFrom([]string{"", "", "m/bar"}).Draw(t, "only"), Currency: "EUR",
	}
	if rapid.Bool().Draw(t, "day") {
		s.Day = s.Each + pay.Amount(rapid.IntRange(0, 100).Draw(t, "more a day"))
	}
	if rapid.Bool().Draw(t, "merchant's day") {
		s.MerchantDay = s.Each + pay.Amount(rapid.IntRange(0, 50).Draw(t, "more there"))
	}
	i := 0
	for ; i < len(m.rules) && m.rules[i].Name != s.Name; i++ {
	}
	m.rules = append(m.rules[:i:i], append([]wallet.StandingRule{s}, m.rules[min(i+1, len(m.rules)):]...)...)
	m.add(s)
}

// TestCapsHold plays offers of three merchants over some days, on clocks that do not
// agree, against rules that change, and payments that end in all ways.
func TestCapsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &capsModel{rulesWorld: newRulesWorld(t, wallet.Rule{})}
		m.change(rt) // what was approved counts from when there is a rule
		rt.Repeat(map[string]func(*rapid.T){
			"offer": m.offer, "offer more": m.offer, "offer still more": m.offer, "end": m.ending, "rule": m.change,
			"time": func(t *rapid.T) {
				m.now = m.now.Add(pay.Millis(rapid.IntRange(1, 14*3_600_000).Draw(t, "ms")))
			},
			"restart": func(*rapid.T) { m.again(wallet.Rule{}) },
		})
	})
}
