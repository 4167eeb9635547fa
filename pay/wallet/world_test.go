package wallet_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// rows is a store in memory: the role's rows, the facts and an outbox.
type rows struct {
	values map[string][]byte
	facts  map[pay.FactID]pay.Fact
	item   map[pay.FactID]int // outbox item of a queued fact
	items  int
}

func newRows() *rows {
	return &rows{values: map[string][]byte{}, facts: map[pay.FactID]pay.Fact{}, item: map[pay.FactID]int{}}
}

func (r *rows) Get(key []byte) ([]byte, bool, error) {
	v, ok := r.values[string(key)]
	return bytes.Clone(v), ok, nil
}

// Put panics for a row that lies in no declared space.
func (r *rows) Put(key, value []byte) error {
	if err := wallet.Spaces().Check(key, value); err != nil {
		panic(err)
	}
	r.values[string(key)] = bytes.Clone(value)
	return nil
}

func (r *rows) Delete(key []byte) error {
	delete(r.values, string(key))
	return nil
}

func (r *rows) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	var keys []string
	for k := range r.values {
		if k >= string(from) && (to == nil || k < string(to)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if limit > 0 && len(keys) > limit {
		keys = keys[:limit]
	}
	for _, k := range keys {
		key := []byte(k)
		more := fn(key, bytes.Clone(r.values[k]))
		clear(key) // nobody may keep it
		if !more {
			break
		}
	}
	return nil
}

func (r *rows) Fact(id pay.FactID) (pay.Fact, bool, error) {
	f, ok := r.facts[id]
	return f, ok, nil
}

func (*rows) Wake(pay.Time, pay.Subject) error { return nil }

func (*rows) SetAside(pay.Subject) (bool, error) { return false, nil }

func (r *rows) Queued(id pay.FactID) (bool, error) { return r.item[id] > 0, nil }

func (r *rows) publish(re pay.Reaction) {
	for _, p := range re.Publications {
		r.items++
		r.facts[p.Fact.ID()], r.item[p.Fact.ID()] = p.Fact, r.items
	}
}

func (r *rows) acked() { clear(r.item) }

// snapshot returns all rows, to compare.
func (r *rows) snapshot() string {
	var b strings.Builder
	_ = r.Scan(nil, nil, 0, func(key, value []byte) bool {
		b.Write(key)
		b.WriteByte(0)
		b.Write(value)
		b.WriteByte(0)
		return true
	})
	return b.String()
}

func key(t testing.TB, n byte) pay.Key {
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

const (
	start  pay.Time = 1_700_000_000_000
	scope           = pay.Scope("w/ann")
	second          = pay.Millis(1000)
)

// world is one wallet and what the registry's keys can sign.
type world struct {
	testing.TB
	*rows
	wallet *wallet.Wallet
	own    pay.Key
	now    pay.Time

	root, working pay.Key
	authority     pay.Fact
	// broken says why money need not be conserved at the end: the test itself has changed
	// rows or facts.
	broken string
}

func newWorld(t testing.TB, rule wallet.Rule) *world {
	w := &world{TB: t, rows: newRows(), own: key(t, 1), now: start, root: key(t, 2), working: key(t, 3)}
	var err error
	if w.wallet, err = wallet.New(wallet.Options{Key: w.own, Scope: scope, Root: w.root.ID(), Rule: rule}); err != nil {
		t.Fatal(err)
	}
	w.authority = sign(t, w.root, pay.Authority{Root: w.root.Public(), Working: w.working.Public(), From: start - 1000, Until: start + 1_000_000})
	w.deliver(w.authority)
	w.conservedAtEnd()
	return w
}

// deliver mirrors a fact of the wallet's feed and returns what it makes the
// wallet state.
func (w *world) deliver(f pay.Fact) []pay.Fact {
	w.Helper()
	w.facts[f.ID()] = f
	return w.react(pay.EntryMirrored{Fact: f})
}

func (w *world) react(in pay.Input) (facts []pay.Fact) {
	w.Helper()
	r, err := w.wallet.React(w.rows, w.now, in)
	if err != nil {
		w.Fatalf("react: %v", err)
	}
	w.publish(r)
	for _, p := range r.Publications {
		facts = append(facts, p.Fact)
	}
	return facts
}

// refuse lets the registry refuse a claim, by acknowledgement and by a signed
// refusal.
func (w *world) refuse(claim pay.Fact, why pay.Reason) {
	w.Helper()
	w.react(pay.ClaimRefused{Fact: claim, Reason: why})
	w.deliver(sign(w, w.working, pay.Refusal{Claim: claim.ID(), Reason: why, At: start}))
}

func (w *world) show(id pay.PaymentID) wallet.Entry {
	w.Helper()
	e, err := w.wallet.Show(w.rows, w.now, id.String())
	if err != nil {
		w.Fatalf("show: %v", err)
	}
	return e
}

func (w *world) pending() []wallet.Entry {
	w.Helper()
	list, err := w.wallet.Pending(w.rows, w.now)
	if err != nil {
		w.Fatalf("pending: %v", err)
	}
	return list
}

func (w *world) answer(id string, v pay.Verdict, by pay.Rule) (wallet.Entry, pay.Fact, error) {
	e, r, err := w.wallet.Answer(w.rows, w.now, id, v, by, pay.AuthCode{})
	w.publish(r)
	if err != nil {
		return e, pay.Fact{}, err
	}
	if len(r.Publications) != 1 {
		w.Fatalf("the answer is %d postings", len(r.Publications))
	}
	return e, r.Publications[0].Fact, nil
}

func (w *world) balance(c pay.Currency) pay.Amount {
	w.Helper()
	b, err := w.wallet.Balance(w.rows, c)
	if err != nil {
		w.Fatalf("balance: %v", err)
	}
	return b
}

// offer returns the offer that opens payment n.
func (w *world) offer(n byte, amount pay.Amount, currency pay.Currency) pay.Fact {
	w.Helper()
	request := pay.FactID{n, 0xaa}
	return sign(w, w.working, pay.Decision{
		Payment: pay.PaymentID(request), Prev: request, Claim: request, Seq: 1, State: pay.StateOffered,
		At: start.Add(pay.Millis(n)),
		Terms: pay.Terms{
			Merchant: "m/cafe", MerchantName: "Cafe", Site: "Main hall", Amount: amount, Currency: currency, Handle: "amber-otter",
			Ref: "table 4", Payer: pay.PayerRef{1}, Expires: start.Add(60 * second), Test: true, Evidence: pay.EvidenceWords,
		},
	})
}

// end returns the decision by which claim ends an offer.
func (w *world) end(offer pay.Fact, s pay.State, claim pay.FactID) pay.Fact {
	w.Helper()
	d := decisionOf(w, offer)
	d.Prev, d.Claim, d.Seq, d.State, d.At = offer.ID(), claim, 2, s, d.At+1
	switch s {
	case pay.StateCaptured:
		d.By = pay.ByHand
	case pay.StateExpired:
		d.Reason = pay.ReasonNoAnswer
	case pay.StateDeclined:
		d.Reason = pay.ReasonByPayer
	}
	return sign(w, w.working, d)
}

func decisionOf(t testing.TB, f pay.Fact) pay.Decision {
	t.Helper()
	d, err := pay.As[pay.Decision](f)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func wantCode(t testing.TB, err error, want pay.ErrorCode) {
	t.Helper()
	if got := pay.CodeOf(err); got != want {
		t.Fatalf("error is %q (%v), want %q", got, err, want)
	}
	var e *pay.Error
	if err != nil && (!errors.As(err, &e) || e.Case == "") {
		t.Fatalf("error %v gives no hint", err)
	}
}
