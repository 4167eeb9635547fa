package pay_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// The table in life.go has the arrows of the matrix, and no others.
func TestLifeIsTheMatrix(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(arrows), "\n")
	columns := strings.Fields(lines[0])
	var want, have []string
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		for i, cell := range cells[1:] {
			if cell == "x" {
				want = append(want, fmt.Sprintf("%s -> %s", cells[0], columns[i]))
			}
		}
	}
	for _, a := range pay.Life() {
		have = append(have, fmt.Sprintf("%s -> %s", a.From, a.To))
	}
	slices.Sort(want)
	slices.Sort(have)
	if have = slices.Compact(have); !slices.Equal(have, want) {
		t.Errorf("the table has\n%s\nthe matrix\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	var states []string
	for _, s := range pay.States() {
		states = append(states, string(s))
	}
	if !slices.Equal(states, columns) {
		t.Errorf("the states are %v, the matrix has %v", states, columns)
	}
}

// The protocol draws the same arrows in the same order.
func TestProtocolListsTheArrows(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, a := range pay.Life() {
		var sums, carry []string
		for _, sum := range []struct {
			name  string
			trend pay.Trend
		}{{"held", a.Sums.Held}, {"captured", a.Sums.Captured}, {"released", a.Sums.Released}, {"refunded", a.Sums.Refunded}} {
			if sum.trend != pay.Stays {
				sums = append(sums, sum.name+" "+map[pay.Trend]string{pay.Grows: "+", pay.Shrinks: "-", pay.MayGrow: "(+)"}[sum.trend])
			}
		}
		if a.Sums.Authorises {
			sums = append(sums, "all")
		}
		if a.Sums.Increases {
			sums = append(sums, "more")
		}
		for _, c := range []struct {
			name string
			may  bool
		}{{"reason", a.Reason}, {"by", a.By}, {"payer", a.Payer}} {
			if c.may {
				carry = append(carry, c.name)
			}
		}
		cells := []string{
			string(a.From), string(a.To), cmp.Or(string(a.Claim), "the clock"), cmp.Or(string(a.Signer), "-"),
			cmp.Or(strings.Join(sums, ", "), "-"), cmp.Or(string(a.Deadline), "-"), cmp.Or(strings.Join(carry, ", "), "-"),
		}
		want = append(want, strings.Join(cells, " | "))
	}
	for _, cells := range protocolTable(t, "from", "to", "decided by", "signed by") {
		have = append(have, strings.Join(cells, " | "))
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s draws\n%s\nthe life of a payment has\n%s", protocol, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// What must hold of every row, whatever rows come.
func TestLifeIsSound(t *testing.T) {
	t.Parallel()
	entered := map[pay.State]bool{pay.StateRequested: true}
	for _, a := range pay.Life() {
		name := fmt.Sprintf("%s -> %s by %q", a.From, a.To, a.Claim)
		entered[a.To] = true
		row, known := pay.LookupKind(a.Claim)
		switch {
		case !a.From.Known() || !a.To.Known() || a.To == pay.StateRequested:
			t.Errorf("%s: a state that no decision states, or nobody knows", name)
		case a.Claim == "" && (a.Signer != "" || a.By || a.Sums.Authorises || a.Sums.Increases || a.Sums.Captured != pay.Stays):
			t.Errorf("%s: the clock signs nothing, answers nothing and takes no money", name)
		case a.Claim != "" && (!known || row.Kind != a.Claim || row.Author != map[pay.Party]pay.Role{pay.PartyBox: pay.RoleBox, pay.PartyPayer: pay.RoleWallet, pay.PartyRegistry: pay.RoleRegistry}[a.Signer]):
			t.Errorf("%s: a %s signs it, the table of kinds says %q", name, a.Signer, row.Author)
		case a.Claim.Party() != a.Signer || (a.Claim != "" && !a.Claim.Decides(a.From)):
			t.Errorf("%s: claims of this kind are signed by %q", name, a.Claim.Party())
		case (a.Sums.Authorises || a.Sums.Increases) && (a.Signer != pay.PartyPayer || a.Deadline == "" || !a.Payer):
			t.Errorf("%s: money is authorised by somebody else than the payer, or for ever", name)
		case a.Sums.Captured == pay.Shrinks || a.Sums.Released == pay.Shrinks || a.Sums.Refunded == pay.Shrinks:
			t.Errorf("%s: what was paid or given back is undone", name)
		case a.By && a.Signer != pay.PartyPayer:
			t.Errorf("%s: a rule answered, and not the payer's", name)
		case a.Reason && (a.Sums.Held == pay.Grows || a.Sums.Captured == pay.Grows):
			t.Errorf("%s: money moves, and a reason why it does not", name)
		case !a.From.Open():
			t.Errorf("%s: leads on from a state that is not open", name)
		case pay.Payment{State: a.From}.Outcome(pay.Local{}) == pay.OutcomeNotPaid:
			t.Errorf("%s: follows on an end after which the box may have charged again", name)
		}
	}
	for _, s := range pay.States() {
		if !entered[s] {
			t.Errorf("no way leads to %s", s)
		}
		if !s.Open() && !s.Final() {
			t.Errorf("nothing follows %s, and nothing is decided", s)
		}
	}
}

// The three questions that a state answers.
func TestStates(t *testing.T) {
	t.Parallel()
	const table = `
requested  open  -      -        known
offered    open  -      -        known
captured   open  final  receipt  known
part_refunded open final receipt known
refunded   -     final  receipt  known
voided     -     final  receipt  known
unmatched  -     final  receipt  known
ambiguous  -     final  receipt  known
declined   -     final  receipt  known
expired    -     final  receipt  known
cancelled  -     final  receipt  known
failed     -     final  receipt  known
held       open  -      -        known
tipped     open  -      -        known
mandated   open  -      -        known
mandated_call open -    -        known
frozen     open  -      -        -
approved   open  -      -        known
`
	word := func(yes bool, w string) string {
		if yes {
			return w
		}
		return "-"
	}
	for line := range strings.Lines(strings.TrimSpace(table)) {
		f := strings.Fields(line)
		s := pay.State(f[0])
		have := []string{f[0], word(s.Open(), "open"), word(s.Final(), "final"), word(s.HasReceipt(), "receipt"), word(s.Known(), "known")}
		if !slices.Equal(have, f) {
			t.Errorf("have %v, want %v", have, f)
		}
	}
}

func TestByClock(t *testing.T) {
	t.Parallel()
	for _, s := range pay.States()[1:] {
		d := at(t, s).Decision
		a, when, ok := d.ByClock()
		want, then := s == pay.StateOffered || s == pay.StateHeld, d.Expires
		if s == pay.StateHeld {
			then = d.HoldUntil.Add(pay.CaptureGrace)
		}
		if ok != want || (ok && (a.To != pay.StateExpired || when != then)) {
			t.Errorf("%s: %s at %s, %v", s, a.To, when, ok)
		}
	}
}

// Sums that a decision cannot have where it stands.
func TestNextRefusesSums(t *testing.T) {
	t.Parallel()
	whole := pay.Sums{Captured: 1250}
	for _, c := range []struct {
		name string
		from pay.State
		to   pay.State
		sums pay.Sums
	}{
		{"one cent less", pay.StateOffered, pay.StateCaptured, pay.Sums{Captured: 1249}},
		{"one cent more", pay.StateOffered, pay.StateCaptured, pay.Sums{Captured: 1251}},
		{"the rest held", pay.StateOffered, pay.StateCaptured, pay.Sums{Captured: 1000, Held: 250}},
		{"the rest released", pay.StateOffered, pay.StateCaptured, pay.Sums{Captured: 1000, Released: 250}},
		{"only held", pay.StateOffered, pay.StateCaptured, pay.Sums{Held: 1250}},
		{"refunded at once", pay.StateOffered, pay.StateCaptured, pay.Sums{Captured: 1250, Refunded: 1}},
		{"declined and captured", pay.StateOffered, pay.StateDeclined, whole},
		{"failed and held", pay.StateOffered, pay.StateFailed, pay.Sums{Held: 1250}},
		{"expired and released", pay.StateOffered, pay.StateExpired, pay.Sums{Released: 1250}},
		{"cancelled and refunded", pay.StateOffered, pay.StateCancelled, pay.Sums{Captured: 1, Refunded: 1}},
		{"offered and held", pay.StateRequested, pay.StateOffered, pay.Sums{Held: 1250}},
		{"unmatched and captured", pay.StateRequested, pay.StateUnmatched, whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := at(t, c.from)
			d := follow(p, c.to)
			d.Sums = c.sums
			if next, err := p.Next(factID(9), d); !errors.Is(err, pay.ErrArrow) || next != p {
				t.Errorf("%v; have %+v", err, next)
			}
		})
	}
}

// A capture that was signed before decisions carried sums is of the whole amount.
func TestCaptureWithoutSums(t *testing.T) {
	t.Parallel()
	offer := at(t, pay.StateOffered)
	d := follow(offer, pay.StateCaptured)
	d.Sums = pay.Sums{}
	p, err := offer.Next(factID(2), d)
	if err != nil || p.Sums() != (pay.Sums{Captured: d.Amount}) || p.Outcome(pay.Local{}) != pay.OutcomePaid {
		t.Errorf("%v, sums %+v", err, p.Sums())
	}
}

// One decision is a whole receipt: what a payment is follows from it alone.
func TestPaymentAt(t *testing.T) {
	t.Parallel()
	for _, s := range pay.States()[1:] {
		p := at(t, s)
		if again := pay.PaymentAt(p.LastID, p.Decision); again != p {
			t.Errorf("%s: have %+v, want %+v", s, again, p)
		}
	}
}

func TestSums(t *testing.T) {
	t.Parallel()
	s, err := pay.Sums{Held: 100}.Plus(pay.Sums{Held: -60, Captured: 50, Released: 10})
	if err != nil || s != (pay.Sums{Held: 40, Captured: 50, Released: 10}) || s.Authorised() != 100 {
		t.Errorf("%+v, %v", s, err)
	}
	if moved := s.Minus(pay.Sums{Held: 100}); moved != (pay.Sums{Held: -60, Captured: 50, Released: 10}) {
		t.Errorf("moved %+v", moved)
	}
	for name, moved := range map[string]pay.Sums{
		"more than held":       {Held: -41},
		"more than captured":   {Refunded: 51},
		"above the limit":      {Captured: pay.AmountMax},
		"above what an int is": {Captured: 1<<63 - 1},
		"a capture undone":     {Captured: -51},
	} {
		if got, err := s.Plus(moved); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, sums := range map[string]pay.Sums{
		"below nothing": {Held: -1}, "above the limit": {Released: pay.AmountMax + 1}, "refunds above captures": {Captured: 1, Refunded: 2},
	} {
		if (with(offerBody(requestID), func(d *pay.Decision) { d.Sums = sums })).Check() == nil {
			t.Errorf("%s: %+v is allowed", name, sums)
		}
	}
}

// What a newer registry may do to a payment, as a node of this program sees it:
// the states that it decides, what is shown, the outcome before and after the
// time is up, and whether there is a receipt. Capitals are states that are not
// known here. From the first of them on part of the money is captured and part is
// held, but for a state with a minus: there all of it is given back.
const newer = `
offered FROZEN                     => frozen     pending   unknown   no
FROZEN                             => frozen     pending   unknown   no
SETTLING FROZEN                    => frozen     pending   unknown   no
offered FROZEN captured            => captured  paid      paid      yes
offered FROZEN captured captured   => captured  paid      paid      yes
offered FROZEN captured THAWED   => thawed  pending   unknown   no
offered captured THAWED        => thawed  pending   unknown   no
offered FROZEN captured-           => captured  pending   unknown   no
offered FROZEN expired             => expired   pending   unknown   no
offered FROZEN expired-            => expired   not_paid  not_paid  yes
offered FROZEN cancelled           => cancelled pending   unknown   no
offered FROZEN failed              => failed    pending   unknown   no
offered FROZEN MELTED              => melted    pending   unknown   no
offered FROZEN offered captured    => captured  paid      paid      yes
offered declined FROZEN            => frozen     pending   unknown   no
FROZEN requested                   => requested pending   unknown   no
offered captured captured        => refused
offered captured expired         => refused
declined FROZEN                    => refused
`

func TestStatesOfLater(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.TrimSpace(newer)) {
		before, after, _ := strings.Cut(line, "=>")
		way, want := strings.Fields(before), strings.Fields(after)
		p, err := pay.Open(requestID), error(nil)
		for _, word := range way {
			sums := pay.Sums{Held: 5, Captured: 3}
			word, given := strings.CutSuffix(word, "-")
			if given {
				sums = pay.Sums{Released: 8}
			}
			d := follow(p, pay.State(strings.ToLower(word)))
			if p.NotUnderstood || strings.ToUpper(word) == word { // nothing else has to be right
				d = with(offerBody(requestID), func(o *pay.Decision) {
					o.Prev, o.Seq, o.State, o.At, o.Amount, o.Site, o.Sums = p.LastID, p.Seq+1, d.State, noon-1, 77, "Garden", sums
				})
			}
			if p, err = p.Next(factID(p.Seq+1), d); err != nil {
				break
			}
		}
		if want[0] == "refused" {
			if !errors.Is(err, pay.ErrArrow) {
				t.Errorf("%v: %v", way, err)
			}
			continue
		}
		receipt := map[bool]string{true: "yes", false: "no"}[p.Decision.HasReceipt()]
		have := []string{string(p.State), string(p.Outcome(pay.Local{})), string(p.Outcome(pay.Local{TimeUp: true})), receipt}
		if err != nil || !slices.Equal(have, want) || int(p.Seq) != len(way) {
			t.Errorf("%v: have %v, want %v (%v)", way, have, want, err)
		}
	}
}

// Of a decision that this program does not understand it checks the link, merchant
// and currency, and nothing else; and of all that follow it.
func TestLinkOfALaterDecision(t *testing.T) {
	t.Parallel()
	for _, from := range []pay.State{pay.StateRequested, pay.StateOffered, "frozen"} {
		p := pay.Open(requestID)
		if from != pay.StateRequested {
			p = at(t, pay.StateOffered)
		}
		if from == "frozen" {
			held, err := p.Next(factID(2), follow(p, "frozen"))
			if err != nil || !held.NotUnderstood {
				t.Fatalf("%+v, %v", held, err)
			}
			p = held
		}
		for name, change := range map[string]func(*pay.Decision){
			"another payment":  func(d *pay.Decision) { d.Payment = pay.PaymentID{9} },
			"not linked":       func(d *pay.Decision) { d.Prev = factID(77) },
			"a gap":            func(d *pay.Decision) { d.Seq++ },
			"the same place":   func(d *pay.Decision) { d.Seq-- },
			"another merchant": func(d *pay.Decision) { d.Merchant = "m/elsewhere" },
			"another currency": func(d *pay.Decision) { d.Currency = "KRW" },
		} {
			if from == pay.StateRequested && strings.HasPrefix(name, "another ") && name != "another payment" {
				continue // the first decision is the first to say whose the payment is
			}
			d := follow(p, "melted")
			change(&d)
			if next, err := p.Next(factID(9), d); !errors.Is(err, pay.ErrArrow) || next != p {
				t.Errorf("%s, from %s: %v, have %+v", name, from, err, next)
			}
		}
		d := follow(p, "melted")
		next, err := p.Next(factID(9), d)
		if err != nil || next.State != "melted" || !next.NotUnderstood {
			t.Errorf("from %s: %v, have %+v", from, err, next)
		}
		if again, err := next.Next(factID(9), d); err != nil || again != next {
			t.Errorf("from %s: the same decision again: %v", from, err)
		}
	}
}
