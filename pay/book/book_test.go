package book_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// memory is a pay.WritableRows in memory.
type memory map[string]string

func (m memory) Get(key []byte) ([]byte, bool, error) {
	v, ok := m[string(key)]
	return []byte(v), ok, nil
}

func (m memory) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	n := 0
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if k < string(from) || (to != nil && k >= string(to)) {
			continue
		}
		if (limit > 0 && n == limit) || !fn([]byte(k), []byte(m[k])) {
			break
		}
		n++
	}
	return nil
}

// Put panics for a row that lies in no declared space.
func (m memory) Put(key, value []byte) error {
	if err := book.Spaces().Check(key, value); err != nil {
		panic(err)
	}
	m[string(key)] = string(value)
	return nil
}

func (m memory) Delete(key []byte) error {
	delete(m, string(key))
	return nil
}

func (memory) Fact(pay.FactID) (pay.Fact, bool, error) { return pay.Fact{}, false, nil }
func (memory) Wake(pay.Time, pay.Subject) error        { return nil }
func (memory) SetAside(pay.Subject) (bool, error)      { return false, nil }

const (
	ann  pay.Scope = "w/ann"
	bob  pay.Scope = "w/bob"
	cafe pay.Scope = "m/cafe"
)

// holdKey is the key of the hold of payment 1, in a row of its own.
var holdKey = "b/h/" + string(append([]byte{1}, make([]byte, 31)...))

func payment(n byte, from pay.Scope, amount pay.Amount) book.Payment {
	return book.Payment{ID: pay.PaymentID{n}, From: from, To: cafe, Amount: amount, Currency: "EUR"}
}

// set gives an account a state that only years of trade would bring about.
func (m memory) set(owner pay.Scope, b book.Balance) {
	m["b/a/EUR/"+string(owner)] = string(pay.Encode(b))
}

func TestPay(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before book.Balance // of the payer; the house issued as much
		cafe   pay.Amount
		amount pay.Amount
		want   error
	}{
		"all there is":        {book.Balance{Credits: 100}, 0, 100, nil},
		"one too much":        {book.Balance{Credits: 100}, 0, 101, book.ErrInsufficient},
		"spent before":        {book.Balance{Credits: 100, Debits: 60}, 0, 41, book.ErrInsufficient},
		"held money is gone":  {book.Balance{Credits: 100, HeldDebits: 60}, 0, 41, book.ErrInsufficient},
		"beside held money":   {book.Balance{Credits: 100, HeldDebits: 60}, 0, 40, nil},
		"promised is not had": {book.Balance{Credits: 100, HeldCredits: 60}, 0, 101, book.ErrInsufficient},
		"never topped up":     {book.Balance{}, 0, 1, book.ErrInsufficient},
		"merchant is full":    {book.Balance{Credits: 100}, pay.BalanceMax - 99, 100, book.ErrFull},
		"merchant just fits":  {book.Balance{Credits: 100}, pay.BalanceMax - 100, 100, nil},
		"sum overflows":       {book.Balance{Credits: 100, Debits: 0}, math.MaxInt64 - 50, 100, pay.ErrOverflow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := memory{}
			m.set(ann, tc.before)
			m.set(cafe, book.Balance{Credits: tc.cafe})
			held := max(tc.before.HeldDebits, tc.before.HeldCredits)
			total := book.Balance{Debits: tc.before.Credits, Credits: tc.before.Credits, HeldDebits: held, HeldCredits: held}
			m["b/t/EUR"] = string(pay.Encode(total))
			before := maps.Clone(m)
			h, err := book.Pay(m, payment(1, ann, tc.amount), book.Hold{})
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if err != nil {
				if !maps.Equal(before, m) {
					t.Error("a refused payment wrote something")
				}
				return
			}
			b, err := book.Load(m, book.Account{Owner: ann, Currency: "EUR"})
			if want := tc.before.Available() - tc.amount; err != nil || b.Available() != want {
				t.Errorf("the payer has %d (%v), want %d", b.Available(), err, want)
			}
			if want := (book.Hold{Authorised: tc.amount, Captured: tc.amount}); h != want {
				t.Errorf("hold %+v", h)
			}
		})
	}
}

func TestTopUp(t *testing.T) {
	t.Parallel()
	m := memory{}
	for _, amount := range []pay.Amount{0, -1, pay.AmountMax + 1} {
		if err := book.TopUp(m, ann, amount, "EUR"); err == nil || len(m) != 0 {
			t.Errorf("%d: %v, %d rows", amount, err, len(m))
		}
	}
	if err := book.TopUp(m, book.HousePlay, 1, "EUR"); err == nil || len(m) != 0 {
		t.Errorf("the house to itself: %v", err)
	}
	if err := book.TopUp(m, ann, 100, "EUR"); err != nil {
		t.Fatal(err)
	}
	m.set(ann, book.Balance{Credits: pay.BalanceMax})
	if err := book.TopUp(m, ann, 1, "EUR"); !errors.Is(err, book.ErrFull) {
		t.Errorf("above the limit: %v", err)
	}
}

// What is held can neither be paid out nor moved; moving says how much that is.
func TestHeldMoneyStays(t *testing.T) {
	t.Parallel()
	m := memory{}
	m.set(ann, book.Balance{Credits: 100, HeldDebits: 60})
	m.set(cafe, book.Balance{HeldCredits: 60})
	m["b/t/EUR"] = string(pay.Encode(book.Balance{Debits: 100, Credits: 100, HeldDebits: 60, HeldCredits: 60}))
	before := maps.Clone(m)
	if err := book.PayOut(m, ann, 41, "EUR"); !errors.Is(err, book.ErrInsufficient) || !maps.Equal(before, m) {
		t.Fatalf("paid out held money: %v", err)
	}
	if moved, held, err := book.Move(m, ann, bob, "EUR"); moved != 40 || held != 60 || err != nil {
		t.Fatalf("moved %d, %d held, %v", moved, held, err)
	}
	left, err := book.Load(m, book.Account{Owner: ann, Currency: "EUR"})
	if err != nil || left.Posted() != 60 || left.Available() != 0 {
		t.Errorf("left are %+v, %v", left, err)
	}
	before = maps.Clone(m)
	if _, held, err := book.Move(m, ann, bob, "EUR"); held != 60 || !errors.Is(err, book.ErrInsufficient) || !maps.Equal(before, m) {
		t.Errorf("moved held money: %d, %v", held, err)
	}
}

// A balance may be larger than any payment, and is moved all the same.
func TestMoveOfMuch(t *testing.T) {
	t.Parallel()
	m := memory{}
	m.set(ann, book.Balance{Credits: pay.BalanceMax})
	m.set(book.HousePlay, book.Balance{Debits: pay.BalanceMax})
	m["b/t/EUR"] = string(pay.Encode(book.Balance{Debits: pay.BalanceMax, Credits: pay.BalanceMax}))
	if moved, _, err := book.Move(m, ann, bob, "EUR"); moved != pay.BalanceMax || err != nil {
		t.Fatalf("moved %d, %v", moved, err)
	}
	if err := book.TopUp(m, ann, 1, "EUR"); err != nil {
		t.Fatal(err)
	}
	before := maps.Clone(m)
	if _, _, err := book.Move(m, ann, bob, "EUR"); !errors.Is(err, book.ErrFull) || !maps.Equal(before, m) {
		t.Errorf("above the limit: %v", err)
	}
}

// TestInvariants damages the book and expects the next posting to stop.
func TestInvariants(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(m memory){
		"paid twice":     func(memory) {},
		"totals differ":  func(m memory) { m["b/t/EUR"] = string(pay.Encode(book.Balance{Debits: 5, Credits: 4})) },
		"held differs":   func(m memory) { m["b/t/EUR"] = string(pay.Encode(book.Balance{HeldDebits: 1})) },
		"negative debit": func(m memory) { m.set(ann, book.Balance{Debits: -50}) },
		"negative hold":  func(m memory) { m.set(ann, book.Balance{Credits: 100, HeldDebits: -1}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := memory{}
			if err := book.TopUp(m, ann, 100, "EUR"); err != nil {
				t.Fatal(err)
			}
			damage(m)
			before := maps.Clone(m)
			defer func() {
				if told := fmt.Sprint(recover()); !strings.HasPrefix(told, "book: internal error: ") || !maps.Equal(before, m) {
					t.Errorf("recovered %q, rows changed: %v", told, !maps.Equal(before, m))
				}
			}()
			var paid book.Hold
			if name == "paid twice" {
				paid = book.Hold{Authorised: 10, Captured: 10}
			}
			_, _ = book.Pay(m, payment(2, ann, 10), paid)
		})
	}
}

// TestDamagedRows come back as errors, not as money.
func TestDamagedRows(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"b/a/EUR/w/ann", "b/a/EUR/m/cafe", "b/t/EUR"} {
		m := memory{}
		if err := book.TopUp(m, ann, 100, "EUR"); err != nil {
			t.Fatal(err)
		}
		m[key] = "\xff"
		if _, err := book.Pay(m, payment(1, ann, 10), book.Hold{}); err == nil {
			t.Errorf("row %q: no error", key)
		}
	}
	if _, _, err := book.HoldOf(memory{holdKey: "\xff"}, pay.PaymentID{1}); err == nil {
		t.Error("a damaged hold was read")
	}
	m := memory{"b/a/rubbish": ""}
	if err := book.Each(m, func(book.Account, book.Balance) bool { return true }); err == nil {
		t.Error("a row that names no account was listed")
	}
}

// leaves pays money out of an account, or moves all of a wallet's to the other, as the
// model says, and reports whether the book did as the model would.
func leaves(t *rapid.T, m memory, tally *book.Tally, has map[book.Account]pay.Amount, issued map[pay.Currency]pay.Amount, from book.Account, amount pay.Amount) {
	before := maps.Clone(m)
	other := book.Account{Owner: map[pay.Scope]pay.Scope{ann: bob, bob: ann, cafe: cafe}[from.Owner], Currency: from.Currency}
	if from.Owner == cafe || rapid.Bool().Draw(t, "paid out") {
		err := book.PayOut(m, from.Owner, amount, from.Currency)
		if short := has[from] < amount; short != errors.Is(err, book.ErrInsufficient) || short != maps.Equal(before, m) || (err != nil && !short) {
			t.Fatalf("paying out %d of %d: %v", amount, has[from], err)
		}
		if err == nil {
			tally.Transfer(pay.Transfer{From: from.Owner, Amount: amount, Currency: from.Currency})
			has[from], issued[from.Currency] = has[from]-amount, issued[from.Currency]-amount
		}
		return
	}
	moved, held, err := book.Move(m, from.Owner, other.Owner, from.Currency)
	if nothing := has[from] == 0; nothing != errors.Is(err, book.ErrInsufficient) || nothing != maps.Equal(before, m) || moved != has[from] || held != 0 {
		t.Fatalf("moving %d: %d, %d held, %v", has[from], moved, held, err)
	}
	if err == nil {
		tally.Transfer(pay.Transfer{From: from.Owner, To: other.Owner, Amount: moved, Currency: from.Currency})
		has[from], has[other] = 0, has[other]+moved
	}
}

// TestTrade plays random top-ups, payments, payouts and moves in two currencies against
// a plain model and the tally.
func TestTrade(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m, tally, has, issued := memory{}, book.Tally{}, map[book.Account]pay.Amount{}, map[pay.Currency]pay.Amount{}
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			wallet := rapid.SampledFrom([]pay.Scope{ann, bob}).Draw(t, "wallet")
			currency := rapid.SampledFrom([]pay.Currency{"EUR", "KRW"}).Draw(t, "currency")
			amount := pay.Amount(rapid.Int64Range(1, 500).Draw(t, "amount"))
			payer, merchant := book.Account{Owner: wallet, Currency: currency}, book.Account{Owner: cafe, Currency: currency}
			if rapid.Bool().Draw(t, "top up") {
				if err := book.TopUp(m, wallet, amount, currency); err != nil {
					t.Fatal(err)
				}
				tally.Transfer(pay.Transfer{To: wallet, Amount: amount, Currency: currency})
				has[payer] += amount
				issued[currency] += amount
				continue
			}
			if rapid.IntRange(0, 2).Draw(t, "leaves") == 0 {
				from := rapid.SampledFrom([]book.Account{payer, merchant}).Draw(t, "from")
				leaves(t, m, &tally, has, issued, from, amount)
				continue
			}
			p := book.Payment{ID: pay.PaymentID{byte(i), 1}, From: wallet, To: cafe, Amount: amount, Currency: currency}
			before := maps.Clone(m)
			_, err := book.Pay(m, p, book.Hold{})
			switch {
			case err == nil && has[payer] >= amount:
				has[payer], has[merchant] = has[payer]-amount, has[merchant]+amount
				tally.Pay(p, pay.Sums{Captured: amount})
			case errors.Is(err, book.ErrInsufficient) && has[payer] < amount && maps.Equal(before, m):
			default:
				t.Fatalf("paying %d of %d: %v", amount, has[payer], err)
			}
		}
		err := book.Each(m, func(a book.Account, b book.Balance) bool {
			if want := has[a]; a.Owner != book.HousePlay && b.Posted() != want {
				t.Fatalf("%v has %d, want %d", a, b.Posted(), want)
			}
			if a.Owner == book.HousePlay && -b.Posted() != issued[a.Currency] {
				t.Fatalf("the house owes %d, issued %d", -b.Posted(), issued[a.Currency])
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		imbalance, err := tally.Compare(m, func(f string) { t.Fatalf("finding: %s", f) })
		if imbalance != 0 || err != nil {
			t.Fatalf("imbalance %d, %v", imbalance, err)
		}
	})
}

// TestTallyFinds each kind of difference.
func TestTallyFinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend      func(m memory)
		want      string
		imbalance pay.Amount
	}{
		"nothing":          {func(memory) {}, "", 0},
		"money from air":   {func(m memory) { m.set(ann, book.Balance{Credits: 107, Debits: 30}) }, "account of w/ann in EUR has 77, the facts say 70", 7},
		"account gone":     {func(m memory) { delete(m, "b/a/EUR/m/cafe") }, "1 accounts", 30},
		"account owes":     {func(m memory) { m.set(ann, book.Balance{Credits: 10, Debits: 30}) }, "has 20 less than nothing", 90},
		"account too many": {func(m memory) { m.set(bob, book.Balance{Credits: 5, Debits: 5}) }, "account of w/bob", 0},
		"totals bent":      {func(m memory) { m["b/t/EUR"] = string(pay.Encode(book.Balance{})) }, "running totals", 0},
		"hold gone":        {func(m memory) { delete(m, holdKey) }, "0 holds are kept", 0},
		"overflow":         {func(m memory) { m.set(bob, book.Balance{Credits: math.MaxInt64}) }, "add up to more", 0},
	} {
		m, tally := memory{}, book.Tally{}
		err := book.TopUp(m, ann, 100, "EUR")
		if err == nil {
			_, err = book.Pay(m, payment(1, ann, 30), book.Hold{})
		}
		if err != nil {
			t.Fatal(err)
		}
		m[holdKey] = string(pay.Encode(book.Hold{From: ann, To: cafe, Currency: "EUR", Authorised: 30, Captured: 30}))
		tally.Hold()
		tally.Transfer(pay.Transfer{To: ann, Amount: 100, Currency: "EUR"})
		tally.Pay(payment(1, ann, 30), pay.Sums{Captured: 30})
		tc.bend(m)
		var told []string
		imbalance, err := tally.Compare(m, func(f string) { told = append(told, f) })
		all := strings.Join(told, "\n")
		if err != nil || imbalance != tc.imbalance || !strings.Contains(all, tc.want) || (len(told) == 0) != (tc.want == "") {
			t.Errorf("%s: imbalance %d, %v, found %q", name, imbalance, err, all)
		}
	}
}
