package till_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

// rows is a store in memory: the role's rows, the facts, and an outbox whose
// items leave at once while a session is open.
type rows struct {
	values map[string][]byte
	facts  map[pay.FactID]pay.Fact
	item   map[pay.FactID]int // outbox item of a queued fact
	items  int
	sent   int // items up to here may have left
	open   bool
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
	if err := till.Spaces().Check(key, value); err != nil {
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

func (r *rows) Attach(to pay.FactID, f pay.Fact) (bool, error) {
	n := r.item[to]
	if n <= r.sent {
		return false, nil
	}
	r.facts[f.ID()], r.item[f.ID()] = f, n
	return true, nil
}

func (r *rows) publish(re pay.Reaction) {
	for _, p := range re.Publications {
		r.items++
		r.facts[p.Fact.ID()], r.item[p.Fact.ID()] = p.Fact, r.items
		if r.open {
			r.sent = r.items
		}
	}
}

// connect opens a session: whatever is queued may leave.
func (r *rows) connect() { r.open, r.sent = true, r.items }

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
	start    pay.Time = 1_700_000_000_000
	merchant          = pay.Scope("m/cafe")
	second            = pay.Millis(1000)
)

// world is one box and what the registry's keys can sign.
type world struct {
	testing.TB
	*rows
	till *till.Till
	box  pay.Key
	now  pay.Time

	root, working pay.Key
	authority     pay.Fact
}

func newWorld(t testing.TB) *world {
	w := &world{TB: t, rows: newRows(), box: key(t, 1), now: start, root: key(t, 2), working: key(t, 3)}
	w.till = till.New(till.Options{Key: w.box, Merchant: merchant, MerchantName: "Cafe", Site: "Main hall", Currency: "EUR"})
	w.authority = sign(t, w.root, pay.Authority{Root: w.root.Public(), Working: w.working.Public(), From: start - 1000, Until: start + 1_000_000})
	w.deliver(w.authority)
	w.conservedAtEnd()
	return w
}

// deliver mirrors a fact of the merchant's feed.
func (w *world) deliver(f pay.Fact) {
	w.Helper()
	w.facts[f.ID()] = f
	w.react(pay.EntryMirrored{Fact: f})
}

func (w *world) react(in pay.Input) {
	w.Helper()
	r, err := w.till.React(w.rows, w.now, in)
	if err != nil {
		w.Fatalf("react: %v", err)
	}
	if len(r.Publications) > 0 {
		w.Fatal("the till states something by itself")
	}
}

func (w *world) order() till.Order {
	return till.Order{Key: "order-1", Amount: 1250, Ref: "table 4", TTL: 60 * second}
}

func (w *world) candidate() till.Choice {
	return till.Choice{Candidate: pay.Candidate{Handle: "amber-otter", Code: pay.Code{1, 2, 3}, Heard: w.now, Near: true}, Evidence: pay.EvidenceTap}
}

func (w *world) charge(o till.Order) (till.Entry, error) {
	e, r, err := w.till.Charge(w.rows, w.now, o, w.candidate())
	w.publish(r)
	return e, err
}

func (w *world) mustCharge(o till.Order) till.Entry {
	w.Helper()
	e, err := w.charge(o)
	if err != nil {
		w.Fatalf("charge: %v", err)
	}
	return e
}

func (w *world) cancel(id pay.PaymentID) (till.Entry, error) {
	e, r, err := w.till.Cancel(w.rows, w.now, id.String())
	w.publish(r)
	return e, err
}

func (w *world) show(id pay.PaymentID) till.Entry {
	w.Helper()
	e, err := w.till.Show(w.rows, w.now, id.String())
	if err != nil {
		w.Fatalf("show: %v", err)
	}
	return e
}

// claim is the answer or cancel that a decision names.
var claim = pay.FactID{0xc1}

// decision returns what the registry decides about a request: the chain's next
// link behind prev.
func (w *world) decision(req pay.Fact, prev pay.FactID, seq uint32, s pay.State) pay.Decision {
	w.Helper()
	r, err := pay.As[pay.Request](req)
	if err != nil {
		w.Fatal(err)
	}
	d := pay.Decision{
		Payment: pay.PaymentID(req.ID()), Prev: prev, Seq: seq, State: s, At: start.Add(pay.Millis(seq)),
		Terms: pay.Terms{
			Merchant: r.Merchant, MerchantName: "Cafe", Site: r.Site, Amount: r.Amount, Currency: r.Currency, Handle: r.Handle,
			Ref: r.Ref, Expires: start.Add(60 * second), Test: true,
		},
	}
	switch s {
	case pay.StateOffered, pay.StateUnmatched, pay.StateAmbiguous:
		d.Claim = req.ID()
	case pay.StateExpired:
	default:
		d.Claim = claim
	}
	switch s {
	case pay.StateUnmatched:
		d.Reason = pay.ReasonUnknownCode
	case pay.StateDeclined:
		d.Reason, d.By = pay.ReasonByPayer, pay.ByHand
	case pay.StateCaptured:
		d.By = "under:20.00"
	case pay.StateFailed:
		d.Reason = pay.ReasonInsufficientFunds
	case pay.StateExpired:
		d.Reason = pay.ReasonNoAnswer
	case pay.StateCancelled:
		d.Reason = pay.ReasonByMerchant
	}
	return d
}

// chain signs decisions with the given states, one behind the other.
func (w *world) chain(req pay.Fact, states ...pay.State) (facts []pay.Fact) {
	w.Helper()
	prev := req.ID()
	for i, s := range states {
		f := sign(w, w.working, w.decision(req, prev, uint32(i+1), s))
		facts, prev = append(facts, f), f.ID()
	}
	return facts
}

func (w *world) request(id pay.PaymentID) pay.Fact { return w.facts[pay.FactID(id)] }

func wantCode(t testing.TB, err error, want pay.ErrorCode) {
	t.Helper()
	if got := pay.CodeOf(err); got != want {
		t.Fatalf("error is %q (%v), want %q", got, err, want)
	}
	if err == nil {
		return
	}
	if e := asError(err); e == nil || e.Case == "" {
		t.Fatalf("error %v gives no hint", err)
	}
}
