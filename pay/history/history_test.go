package history_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	payrows "github.com/paybeacon/paybeacon/pay/rows"
)

// rows is a role's rows in memory.
type rows struct {
	values map[string][]byte
	facts  map[pay.FactID]pay.Fact
}

func newRows() *rows { return &rows{map[string][]byte{}, map[pay.FactID]pay.Fact{}} }

func (r *rows) Get(key []byte) ([]byte, bool, error) {
	v, ok := r.values[string(key)]
	return bytes.Clone(v), ok, nil
}

// Put panics for a row that lies in no declared space.
func (r *rows) Put(key, value []byte) error {
	if err := history.Spaces().Check(key, value); err != nil {
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
	for i, k := range keys {
		if limit > 0 && i == limit || !fn([]byte(k), r.values[k]) {
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

const start pay.Time = 1_700_000_000_000

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

// chain is an offer and its end on payment n.
func chain(t testing.TB, n byte, end pay.State) (facts []pay.Fact) {
	t.Helper()
	prev := pay.FactID{n, 1}
	d := pay.Decision{
		Payment: pay.PaymentID(prev), Claim: prev, State: pay.StateOffered, At: start + pay.Time(n),
		Terms: pay.Terms{
			Merchant: "m/cafe", MerchantName: "Cafe", Site: "Hall", Amount: 5, Currency: "EUR", Handle: "icy-fox",
			Expires: start + 60_000,
		},
	}
	for range 2 {
		d.Prev, d.Seq = prev, d.Seq+1
		f := sign(t, key(t, 3), d)
		facts, prev = append(facts, f), f.ID()
		d.State, d.Claim, d.At = end, pay.FactID{9}, d.At+1
	}
	return facts
}

func (r *rows) take(t testing.TB, now pay.Time, f pay.Fact) (history.Record, []history.Step) {
	t.Helper()
	r.facts[f.ID()] = f
	if f.Kind() == pay.KindAuthority {
		if err := history.AddAuthority(r, f); err != nil {
			t.Fatal(err)
		}
		return history.Record{}, nil
	}
	d, err := pay.As[pay.Decision](f)
	if err != nil {
		t.Fatal(err)
	}
	rec, steps, err := history.Fold(r, now, f.ID(), d)
	if err != nil {
		t.Fatal(err)
	}
	return rec, steps
}

func TestFoldTakesUpWhatWaited(t *testing.T) {
	t.Parallel()
	r, c := newRows(), chain(t, 1, pay.StateDeclined)
	if rec, steps := r.take(t, start, c[1]); len(steps) != 0 || rec.Payment.Seq != 0 {
		t.Errorf("an end without a beginning gave %+v", rec)
	}
	if _, ok, err := history.Get(r, pay.PaymentID{1, 1}); ok || err != nil {
		t.Errorf("the payment is known, %v", err)
	}
	if found, err := history.Findings(r); err != nil || len(found) != 1 {
		t.Errorf("findings are %+v, %v", found, err)
	}
	rec, steps := r.take(t, start+5, c[0])
	if len(steps) != 2 || steps[0].ID != c[0].ID() || steps[1].ID != c[1].ID() || rec.Payment.State != pay.StateDeclined || rec.Received != start+5 {
		t.Errorf("payment is %+v after %d steps", rec, len(steps))
	}
	if found, err := history.Findings(r); err != nil || len(found) != 0 {
		t.Errorf("findings are %+v, %v", found, err)
	}
	if again, steps := r.take(t, start+9, c[1]); len(steps) != 0 || again.Received != start+5 {
		t.Errorf("the same again took %d steps", len(steps))
	}
}

func TestBeginKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	r, c := newRows(), chain(t, 1, pay.StateDeclined)
	want, _ := r.take(t, start, c[0])
	got, err := history.Begin(r, start+9, pay.FactID{1, 1}, start-9)
	if err != nil || got.Created != want.Created || got.Received != start || got.Payment.State != pay.StateOffered {
		t.Errorf("record is %+v, %v", got, err)
	}
}

// Two nodes that hold the same facts write the same receipt.
func TestReceiptIsTheSameBytesEverywhere(t *testing.T) {
	t.Parallel()
	root, working := key(t, 2), key(t, 3)
	facts := chain(t, 1, pay.StateCaptured)
	for _, from := range []pay.Time{-5, start, start - 10, start + 5000} {
		facts = append(facts, sign(t, root, pay.Authority{Root: root.Public(), Working: working.Public(), From: from, Until: start + 9000}))
	}
	want := pay.EncodeReceipt(facts[2], facts[1])
	rapid.Check(t, func(rt *rapid.T) {
		r := newRows()
		for _, f := range rapid.Permutation(facts).Draw(rt, "order") {
			r.take(t, start, f)
		}
		rec, ok, err := history.Get(r, pay.PaymentID{1, 1})
		if err != nil || !ok {
			rt.Fatal(ok, err)
		}
		if got, err := history.Receipt(r, rec); err != nil || !bytes.Equal(got, want) {
			rt.Fatalf("another receipt, %v", err)
		}
	})
}

// A chain that another version of this program took in, which did not know a
// state of it, need not follow by the arrows that this one knows. It is shown as
// one that is not understood, the payments beside it are listed, and the feed goes
// on.
func TestChainOfAnotherVersion(t *testing.T) {
	t.Parallel()
	r, c, other := newRows(), chain(t, 1, pay.StateDeclined), chain(t, 2, pay.StateDeclined)
	r.take(t, start, c[0])
	r.take(t, start, other[0])
	d, err := pay.As[pay.Decision](c[1])
	if err != nil {
		t.Fatal(err)
	}
	d.Amount++ // a node checks this unless there was a state that it did not know
	odd := sign(t, key(t, 3), d)
	r.facts[odd.ID()] = odd
	row, first, second := "hp\x01\x01"+strings.Repeat("\x00", 30), c[0].ID(), odd.ID()
	if r.values[row] == nil {
		t.Fatal("the payment has no row")
	}
	r.values[row] = pay.Encode(map[int]any{1: start, 2: start, 3: []any{first[:], second[:]}})

	list, _, err := history.Newest(r, history.Page{Limit: 10}, nil)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d payments are listed, %v", len(list), err)
	}
	rec, ok, err := history.Get(r, d.Payment)
	if err != nil || !ok || rec.Payment.State != pay.StateDeclined || !rec.Payment.NotUnderstood || len(rec.Chain) != 2 {
		t.Errorf("the payment is %+v, %v", rec.Payment, err)
	}
	d.Prev, d.Seq, d.State = second, d.Seq+1, "thawed"
	if rec, steps := r.take(t, start, sign(t, key(t, 3), d)); len(steps) != 1 || rec.Payment.State != "thawed" {
		t.Errorf("after one more it is %+v", rec.Payment)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	offered := func(expires, at pay.Time) pay.Payment {
		return pay.Payment{Seq: 1, Decision: pay.Decision{At: at, Terms: pay.Terms{Expires: expires}}}
	}
	tests := []struct {
		name string
		p    pay.Payment
		ttl  pay.Millis
		want pay.Millis // after it was heard of
	}{
		{"no decision: the request's life", pay.Payment{}, 5000, 5000},
		{"offered: the offer's life", offered(9000, 2000), 5000, 7000},
		{"offered, by a clock far off", offered(start+9_009_000, start+9_002_000), 5000, 7000},
		{"offered already past its end", offered(1000, 2000), 5000, 0},
		{"offered for longer than may be", offered(1<<62, 0), 5000, pay.RequestTTLMax},
	}
	for _, test := range tests {
		got := history.Record{Payment: test.p, Received: start}.Deadline(test.ttl)
		if want := start.Add(test.want + pay.LastDecisionGrace); got != want {
			t.Errorf("%s: deadline is %s, want %s", test.name, got, want)
		}
	}
}

func TestNewestOrdersAllTimes(t *testing.T) {
	t.Parallel()
	r := newRows()
	times := []pay.Time{-1 << 63, -5, -1, 0, 1, start, 1<<63 - 1}
	for i, created := range times {
		if _, err := history.Begin(r, start, pay.FactID{byte(i)}, created); err != nil {
			t.Fatal(err)
		}
	}
	list, _, err := history.Newest(r, history.Page{Limit: 100}, func(rec history.Record) bool { return rec.Created != 0 })
	slices.Reverse(times)
	times = slices.DeleteFunc(times, func(at pay.Time) bool { return at == 0 })
	if err != nil || len(list) != len(times) {
		t.Fatalf("%d payments, %v", len(list), err)
	}
	for i, rec := range list {
		if rec.Created != times[i] {
			t.Errorf("place %d has %d, want %d", i, rec.Created, times[i])
		}
	}
}

var things = payrows.New("z", "things", payrows.ID[pay.FactID]("THING"), payrows.None())

func TestFindIDIsAPrefixSearch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := newRows()
		var ids []string
		for range rapid.IntRange(0, 6).Draw(rt, "ids") {
			// Few digits, so that beginnings collide.
			id := pay.FactID{rapid.SampledFrom([]byte{0x00, 0x0f, 0xf0, 0xff}).Draw(rt, "byte"), rapid.SampledFrom([]byte{0x00, 0xff, 0x12}).Draw(rt, "byte")}
			if slices.Contains(ids, id.String()) {
				continue
			}
			ids = append(ids, id.String())
			r.values["z"+string(id[:])] = nil
		}
		r.values["y"], r.values["{"] = nil, nil
		digits := rapid.StringMatching(`[0f12]{1,5}|[0f]{64}|[0f]{65}|[g ]{0,2}`).Draw(rt, "digits")
		fit := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !strings.HasPrefix(id, digits) })
		got, err := history.FindID(r, things, digits, "thing")
		want := pay.ErrorCode("")
		switch {
		case digits == "" || len(digits) > 64 || strings.ContainsAny(digits, "g "):
			want = pay.CodeUsage
		case len(fit) == 0:
			want = pay.CodeNotFound
		case len(fit) > 1:
			want = pay.CodeUsage
		case pay.FactID(got).String() != fit[0]:
			rt.Fatalf("found %x, want %s", got, fit[0])
		}
		if code := pay.CodeOf(err); code != want {
			rt.Fatalf("%q: error is %q (%v), want %q", digits, code, err, want)
		}
	})
}

func TestSpacesAreApart(t *testing.T) {
	t.Parallel()
	if err := history.Spaces().CheckApart(); err != nil {
		t.Error(err)
	}
}

func TestDamagedRowsAreErrors(t *testing.T) {
	t.Parallel()
	c := chain(t, 1, pay.StateDeclined)
	id := pay.PaymentID{1, 1}
	tests := []struct {
		name   string
		damage func(*rows)
	}{
		{"not CBOR", func(r *rows) { r.values["hp"+string(id[:])] = []byte{0xff} }},
		{"decision missing", func(r *rows) { delete(r.facts, c[0].ID()) }},
		{"decisions that do not link", func(r *rows) { r.facts[c[1].ID()] = c[0] }},
	}
	for _, test := range tests {
		r := newRows()
		for _, f := range c {
			r.take(t, start, f)
		}
		test.damage(r)
		if _, _, err := history.Get(r, id); err == nil {
			t.Errorf("%s: no error", test.name)
		}
	}
}
