package wallet

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Standing rules are what the owner lets the wallet approve without being asked, kept in
// the wallet's store. An offer that the rule of Options does not cover is approved where
// one of them covers it: the amount is within what the rule allows for one payment, and
// with it what rules have approved stays within what it allows for a day, and for a day
// at one merchant. Where the owner never paid a merchant by hand, a rule that does not
// name the merchant asks.
//
// A rule is evaluated, and what it approves is counted, in the transaction that stores
// the answer, so that no two offers pass a cap together. Everything that was approved
// without a person counts for every rule, until it has ended without payment.
//
// A day is the local one at the wallet. Which day it is say two clocks that do not know
// of one another: the wallet's, and the registry's, which dates the offer. Each approval
// counts on both days and needs room on both, so that neither a wallet's clock that was
// set, nor a registry's that lies, opens a new day.

// ruleOf is what the name of a standing rule begins with where it stands in an answer.
const ruleOf = "rule:"

// StandingRule is one rule in the wallet's store.
type StandingRule struct {
	Name pay.Rule // without what stands before it in answers
	// Merchant is the name or the scope of the only merchant that it pays; "" for any.
	Merchant    string
	Each        pay.Amount // the most for one payment
	Day         pay.Amount // the most for a day, by whatever rules; 0: no cap
	MerchantDay pay.Amount // the most for a day at one merchant; 0: no cap
	// TipMax is the most that a merchant who holds an amount may capture beyond it, and as
	// much of it as fits the caps of the rule; 0: nothing.
	TipMax pay.Amount `cbor:",omitempty"`
	// Strangers means that it pays merchants, too, whom the owner never paid by hand.
	Strangers bool
	Currency  pay.Currency
	Added     pay.Time
}

// By returns the name under which the rule answers.
func (s StandingRule) By() pay.Rule { return ruleOf + s.Name }

// check returns a *pay.Error for a rule that cannot be kept: CodeUsage, CodeAmount or
// CodeCurrency.
func (s StandingRule) check() error {
	form := func(why string) error { return pay.NewCase(pay.CodeUsage, "rule_form", "add rule: "+why) }
	switch {
	case s.Name == "" || strings.ContainsAny(string(s.Name), ": "):
		return form("its name is empty or holds a blank or a colon")
	case len(s.Merchant) > pay.NameBytesMax:
		return form("the merchant's name is too long")
	}
	if err := checkBy(s.By()); err != nil {
		return err
	}
	if err := s.Currency.Check(); err != nil {
		return pay.WrapCase(err, pay.CodeCurrency, "rule_currency", "add rule")
	}
	for _, a := range []pay.Amount{s.Each, max(s.Day, 1), max(s.MerchantDay, 1), max(s.TipMax, 1)} {
		if err := a.CheckPayable(); err != nil {
			return pay.WrapCase(err, pay.CodeAmount, "rule_amount", "add rule")
		}
	}
	if s.Day < 0 || s.MerchantDay < 0 || s.TipMax < 0 || (s.Day > 0 && s.Day < s.Each) || (s.MerchantDay > 0 && s.MerchantDay < s.Each) {
		return pay.NewCase(pay.CodeAmount, "rule_caps", "add rule: a cap for a day is below that for one payment")
	}
	return nil
}

// standing is what belongs to the rules in the store alone.
func (w *Wallet) standing() history.Feature {
	return history.Feature{Name: "rules", Spaces: rows.Spaces{ruleRows.Space, rulesRow.Space, spentRows.Space, visitedRows.Space}}
}

var (
	ruleRows = rows.New("kr", "a rule by which this wallet approves without its owner", rows.Text[pay.Rule]("NAME"), rows.CBOR[StandingRule]())
	// rulesRow is read with every offer, so that a wallet without rules looks no further.
	rulesRow    = rows.NewSingle("kn", "how many rules there are, and whether they are paused", rows.CBOR[rulesState]())
	spentRows   = rows.New("ks", "what was approved without a person", rows.Join(rows.Uint32[day]("DAY"), rows.ID[pay.PaymentID]("PAYMENT")), rows.CBOR[spent]())
	visitedRows = rows.New("kv", "a merchant whom the owner has paid by hand", rows.Text[pay.Scope]("MERCHANT"), rows.None())
)

// rulesState is how the rules stand as a whole.
type rulesState struct {
	Count  int      `cbor:"1,keyasint"`
	Paused bool     `cbor:"2,keyasint,omitempty"`
	Until  pay.Time `cbor:"3,keyasint,omitempty"` // when the pause ends, by this wallet's clock; 0: when the owner says so
}

// paused reports whether nothing is approved without a person at the moment.
func (s rulesState) paused(now pay.Time) bool { return s.Paused && (s.Until == 0 || now < s.Until) }

// pausedFor reports whether an offer is not approved without a person: a pause ends when
// it has ended by the clocks of wallet and registry.
func (s rulesState) pausedFor(now pay.Time, d pay.Decision) bool { return s.paused(min(now, d.At)) }

// day is a local date: 20261128.
type day uint32

// spent is one approval without a person.
type spent struct {
	Merchant pay.Scope    `cbor:"1,keyasint"`
	Amount   pay.Amount   `cbor:"2,keyasint"`
	Currency pay.Currency `cbor:"3,keyasint"`
}

// dayOf returns the local date of a moment.
func (w *Wallet) dayOf(t pay.Time) day {
	zone := w.options.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := t.Std().In(zone).Date()
	return day(max(y, 0)*10_000 + int(m)*100 + d)
}

// daysOf returns the days on which an approval of an offer counts: one, or two where the
// clocks of wallet and registry do not agree on the date.
func (w *Wallet) daysOf(now pay.Time, d pay.Decision) []day {
	days := []day{w.dayOf(now)}
	if other := w.dayOf(d.At); other != days[0] {
		days = append(days, other)
	}
	return days
}

// AddRule keeps a rule. One of the same name is replaced. It answers offers that come
// from now on; those that wait already wait for their owner. Its errors are *pay.Error:
// CodeUsage, CodeAmount and CodeCurrency for a rule that cannot be, CodeTooMany where
// there are pay.RulesMax.
func (w *Wallet) AddRule(tx pay.WritableRows, now pay.Time, s StandingRule) (StandingRule, error) {
	s.Added = now
	if err := s.check(); err != nil {
		return s, err
	}
	state, _, err := rulesRow.Get(tx)
	if err != nil {
		return s, err
	}
	known, err := ruleRows.Has(tx, s.Name)
	switch {
	case err != nil:
		return s, err
	case !known && state.Count >= pay.RulesMax:
		return s, pay.NewCase(pay.CodeTooMany, "rules_many", fmt.Sprintf("add rule: there are %d already", state.Count))
	case !known:
		state.Count++
		if err := rulesRow.Put(tx, state); err != nil {
			return s, err
		}
	}
	return s, ruleRows.Put(tx, s.Name, s)
}

// RemoveRule ends a rule and returns it. An unknown one is a *pay.Error with
// CodeNotFound.
func (w *Wallet) RemoveRule(tx pay.WritableRows, name pay.Rule) (StandingRule, error) {
	s, known, err := ruleRows.Get(tx, name)
	if err != nil {
		return s, err
	}
	if !known {
		return s, pay.NewCase(pay.CodeNotFound, "rule_not_found", fmt.Sprintf("remove rule: none is called %.70q", string(name)))
	}
	state, _, err := rulesRow.Get(tx)
	if err != nil {
		return s, err
	}
	state.Count--
	if err := rulesRow.Put(tx, state); err != nil {
		return s, err
	}
	return s, ruleRows.Delete(tx, name)
}

// PauseRules stops everything that approves without a person, the rule of Options and
// programs of the owner's too, until a moment by this wallet's clock, or, where that is
// 0, until ResumeRules. To decline goes on.
func (w *Wallet) PauseRules(tx pay.WritableRows, until pay.Time) error {
	return setPause(tx, true, until)
}

// ResumeRules ends a pause.
func (w *Wallet) ResumeRules(tx pay.WritableRows) error { return setPause(tx, false, 0) }

// Paused reports whether nothing is approved without a person at the moment. Its errors
// are the store's.
func (w *Wallet) Paused(view pay.Rows, now pay.Time) (bool, error) {
	state, _, err := rulesRow.Get(view)
	return state.paused(now), err
}

func setPause(tx pay.WritableRows, paused bool, until pay.Time) error {
	state, _, err := rulesRow.Get(tx)
	if err != nil {
		return err
	}
	state.Paused, state.Until = paused, until
	return rulesRow.Put(tx, state)
}

// StandingRules is all that the wallet approves by rules of its store.
type StandingRules struct {
	Rules  []StandingRule // by name
	Paused bool
	Until  pay.Time // when the pause ends; 0: when the owner says so
	// Spent is what was approved without a person today, by whatever rules.
	Spent pay.Amount
}

// StandingRules returns the rules. Its errors are the store's.
func (w *Wallet) StandingRules(view pay.Rows, now pay.Time, c pay.Currency) (all StandingRules, err error) {
	state, _, err := rulesRow.Get(view)
	if err != nil {
		return all, err
	}
	if all.Paused = state.paused(now); all.Paused {
		all.Until = state.Until
	}
	err = ruleRows.Each(view, ruleRows.All(), func(_ pay.Rule, s StandingRule) error {
		all.Rules = append(all.Rules, s)
		return nil
	})
	if err != nil {
		return all, err
	}
	all.Spent, _, err = spentOn(view, w.dayOf(now), "", c, pay.PaymentID{})
	return all, err
}

// spentOn returns what was approved without a person on a day, by all payments but one:
// in all, and at one merchant.
func spentOn(view pay.Rows, on day, merchant pay.Scope, c pay.Currency, but pay.PaymentID) (all, there pay.Amount, err error) {
	err = spentRows.Each(view, rows.Under(spentRows, on), func(key rows.Pair[day, pay.PaymentID], s spent) (err error) {
		if s.Currency != c || key.Second == but {
			return nil
		}
		if s.Merchant == merchant {
			if there, err = there.Add(s.Amount); err != nil {
				return err
			}
		}
		all, err = all.Add(s.Amount)
		return err
	})
	return all, there, err
}

// byStanding returns the first of the rules that pass which covers an offer, and whether
// one does. That the evidence lets a rule answer, and that nothing is paused, the caller
// has seen.
func (w *Wallet) byStanding(view pay.Rows, now pay.Time, d pay.Decision, pass func(StandingRule) bool) (rule StandingRule, covers bool, err error) {
	visited, err := visitedRows.Has(view, d.Merchant)
	if err != nil {
		return rule, false, err
	}
	var most, there pay.Amount // what was approved on the fuller of the days
	for _, on := range w.daysOf(now, d) {
		a, b, err := spentOn(view, on, d.Merchant, d.Currency, d.Payment) // an increment counts with its total
		if err != nil {
			return rule, false, err
		}
		most, there = max(most, a), max(there, b)
	}
	err = ruleRows.Each(view, ruleRows.All(), func(_ pay.Rule, s StandingRule) error {
		if !covers && pass(s) && s.covers(d, visited) && within(most, d.Amount, s.Day) && within(there, d.Amount, s.MerchantDay) {
			rule, covers = s, true
		}
		return nil
	})
	return rule, covers, err
}

// covers reports whether the rule approves an offer, but for what it allows for a day.
func (s StandingRule) covers(d pay.Decision, visited bool) bool {
	switch {
	case d.Currency != s.Currency || d.Amount > s.Each:
		return false
	case s.Merchant != "":
		return s.Merchant == string(d.Merchant) || s.Merchant == string(d.MerchantName)
	default:
		return visited || s.Strangers
	}
}

// within reports whether an amount has room beside what was spent; a cap of 0 is none.
func within(spent, amount, limit pay.Amount) bool { return limit == 0 || amount <= limit-spent }

// noteSpent counts an approval without a person on its days, which it returns, as long as
// there are rules that count. It forgets days that are long over.
func (w *Wallet) noteSpent(tx pay.WritableRows, now pay.Time, p pay.Payment) ([]day, error) {
	state, _, err := rulesRow.Get(tx)
	if err != nil || state.Count == 0 {
		return nil, err
	}
	days := w.daysOf(now, p.Decision)
	for _, on := range days {
		s := spent{Merchant: p.Decision.Merchant, Amount: p.Decision.Amount, Currency: p.Decision.Currency}
		if err := spentRows.Put(tx, rows.Key(on, p.ID), s); err != nil {
			return nil, err
		}
	}
	const forgetAtOnce = 16
	old, err := spentRows.Keys(tx, spentRows.Between(rows.Key(day(0), pay.PaymentID{}), rows.Key(min(w.dayOf(now.Add(-spentKept)), slices.Min(days)), pay.PaymentID{})), forgetAtOnce)
	if err != nil {
		return nil, err
	}
	for _, key := range old {
		if err := spentRows.Delete(tx, key); err != nil {
			return nil, err
		}
	}
	return days, nil
}

// spentKept is for how long approvals are counted that no day needs any more. Chosen: a
// clock that was a month ahead and is put right finds the days that it counted.
const spentKept pay.Millis = 40 * 24 * 3_600_000

// releaseSpent takes an approval off its days: the payment has ended without money, or
// the registry refused the answer.
func releaseSpent(tx pay.WritableRows, id pay.PaymentID, a *answerRow) error {
	for _, on := range a.Spent {
		if err := spentRows.Delete(tx, rows.Key(on, id)); err != nil {
			return err
		}
	}
	a.Spent = nil
	return nil
}

// noteVisited notes that the owner has paid a merchant by hand.
func noteVisited(tx pay.WritableRows, d pay.Decision) error {
	if d.By != pay.ByHand {
		return nil
	}
	known, err := visitedRows.Has(tx, d.Merchant)
	if err != nil || known {
		return err
	}
	return visitedRows.Put(tx, d.Merchant, struct{}{})
}

// ruleFor returns how the wallet answers an offer by itself, under which name, and
// whether it does.
func (w *Wallet) ruleFor(view pay.Rows, now pay.Time, d pay.Decision) (v pay.Verdict, by pay.Rule, covers bool, err error) {
	v, covers = w.options.Rule.verdict(d)
	if covers && v == pay.Decline {
		return v, w.options.Rule.Name, true, nil
	}
	state, _, err := rulesRow.Get(view)
	switch {
	case err != nil, state.pausedFor(now, d):
		return "", "", false, err
	case covers:
		return v, w.options.Rule.Name, true, nil
	case state.Count == 0, !d.AnswersAlone():
		return "", "", false, nil
	}
	rule, covers, err := w.byStanding(view, now, d, func(StandingRule) bool { return true })
	return pay.Approve, rule.By(), covers, err
}

// checkRule returns a *pay.Error with CodeNotAllowed where an approval may not be given
// without a person now: while rules are paused, and by a standing rule that does not
// cover the offer, or not any more.
func (w *Wallet) checkRule(view pay.Rows, now pay.Time, p pay.Payment, v pay.Verdict, by pay.Rule) error {
	if v != pay.Approve || by == pay.ByHand {
		return nil
	}
	state, _, err := rulesRow.Get(view)
	switch {
	case err != nil:
		return err
	case state.pausedFor(now, p.Decision):
		return pay.NewCase(pay.CodeNotAllowed, "rules_paused", fmt.Sprintf("payment %s is for a person to approve: rules are paused", p.ID.Short()))
	case !strings.HasPrefix(string(by), ruleOf):
		return nil
	}
	_, covers, err := w.byStanding(view, now, p.Decision, func(s StandingRule) bool { return s.By() == by })
	if err == nil && !covers {
		err = pay.NewCase(pay.CodeNotAllowed, "rule_short", fmt.Sprintf("payment %s is for a person to approve: no rule covers it any more", p.ID.Short()))
	}
	return err
}
