package simbank_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/simbank"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/acquirer/acquirertest"
)

// open returns the provider of a folder, which is closed when the test ends.
func open(t *testing.T, dir string) *simbank.Bank {
	t.Helper()
	b, err := simbank.Open(simbank.Options{File: filepath.Join(dir, "bank.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// lossy is a client from which the answers to the next calls are kept.
type lossy struct {
	acquirer.Acquirer
	lose bool
}

func (l *lossy) Do(ctx context.Context, c acquirer.Call, t pay.Token) (acquirer.Answer, error) {
	a, err := l.Acquirer.Do(ctx, c, t)
	if l.lose && err == nil {
		l.lose = false
		return acquirer.Answer{}, acquirer.ErrNoAnswer
	}
	return a, err
}

// moved folds the lines of a provider's file, independently of the provider.
func moved(t *testing.T, dir string, payment pay.PaymentID) (m acquirertest.Moved) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "bank.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]pay.Amount{}
	for line := range strings.Lines(string(raw)) {
		var o struct {
			Verb, Payment, Of, Reference string
			Amount                       pay.Amount
			Approved                     bool
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		if !o.Approved || o.Payment != payment.String() {
			continue
		}
		switch acquirer.Verb(o.Verb) {
		case acquirer.Authorise:
			m.Authorisations++
			held[o.Reference] = o.Amount
		case acquirer.Capture:
			m.Captured += o.Amount
			delete(held, o.Of)
		case acquirer.Void:
			delete(held, o.Of)
		case acquirer.Refund:
			m.Refunded += o.Amount
		}
	}
	for _, amount := range held {
		m.Held += amount
	}
	return m
}

func TestContract(t *testing.T) {
	t.Parallel()
	acquirertest.Run(t, func(t *testing.T) acquirertest.World {
		dir := t.TempDir()
		bank := open(t, dir)
		client := &lossy{Acquirer: bank}
		silent := filepath.Join(dir, "silent")
		w := acquirertest.World{
			Acquirer: client, Token: "sim-ok",
			Restart: func(t *testing.T) acquirer.Acquirer {
				if err := bank.Close(); err != nil {
					t.Fatal(err)
				}
				return open(t, dir)
			},
			Lose: func() { client.lose = true },
			Silent: func(on bool) {
				err := os.Remove(silent)
				if on {
					err = os.WriteFile(silent, nil, 0o600)
				}
				if err != nil {
					t.Error(err)
				}
			},
			Moved: func(id pay.PaymentID) acquirertest.Moved { return moved(t, dir, id) },
		}
		w.Declined.Token, w.Declined.Amount, w.Declined.Reason = "sim-ok", 1205, "generic_decline"
		return w
	})
}

var payment = pay.PaymentID{1}

func call(n byte, v acquirer.Verb, amount pay.Amount, of acquirer.Reference) acquirer.Call {
	return acquirer.Call{Verb: v, Key: acquirer.KeyOf(payment, pay.FactID{n}, v), Payment: payment, Amount: amount, Currency: "EUR", Of: of}
}

func TestAmountsAreDeclinedByTheTable(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir())
	for i, tc := range []struct {
		amount pay.Amount
		want   pay.Reason
	}{
		{1200, ""}, {380, ""}, {1, "call_issuer"}, {1201, "call_issuer"}, {5, "generic_decline"}, {1251, "insufficient_funds"},
		{1255, "incorrect_pin"}, {1265, "withdrawal_count_limit_exceeded"}, {1275, "pin_try_exceeded"}, {10500, ""},
	} {
		a, err := b.Do(t.Context(), call(byte(i), acquirer.Authorise, tc.amount, ""), "sim-ok")
		if err != nil || a.Approved != (tc.want == "") || a.Reason != tc.want {
			t.Errorf("%d: %s, %v", tc.amount, a, err)
		}
	}
	if a, err := b.Do(t.Context(), call(99, acquirer.Authorise, 1200, ""), "pm_card_visa"); err != nil || a.Reason != "invalid_token" {
		t.Errorf("a token of another provider: %s, %v", a, err)
	}
}

func TestTokensMisbehaveAsTheTableSays(t *testing.T) {
	t.Parallel()
	for token, verb := range map[pay.Token]acquirer.Verb{"sim-no-capture": acquirer.Capture, "sim-no-void": acquirer.Void} {
		b := open(t, t.TempDir())
		auth, err := b.Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), token)
		if err != nil || !auth.Approved {
			t.Fatalf("%s, %v", auth, err)
		}
		if a, err := b.Do(t.Context(), call(2, verb, 1200, auth.Reference), ""); err != nil || a.Approved {
			t.Errorf("%s: %s was %s, %v", string(token), verb, a, err)
		}
	}
}

// TestAnswersThatDifferAreToldApart shows a provider that gives the same key two answers:
// its books have the first, and hold one authorisation.
func TestAnswersThatDifferAreToldApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir)
	c := call(1, acquirer.Authorise, 1200, "")
	if _, err := b.Do(t.Context(), c, "sim-twice"); !errors.Is(err, acquirer.ErrNoAnswer) {
		t.Fatalf("the first answer was not lost: %v", err)
	}
	second, err := b.Do(t.Context(), c, "sim-twice")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := b.Look(t.Context(), c, "sim-twice")
	if err != nil {
		t.Fatal(err)
	}
	if err := acquirer.Agree(kept, second); !errors.Is(err, acquirer.ErrContradicts) {
		t.Errorf("%s beside %s: %v", kept, second, err)
	}
	third, err := b.Do(t.Context(), c, "sim-twice")
	if err != nil || third != kept {
		t.Errorf("asked again it says %s, %v; its books say %s", third, err, kept)
	}
	if got, want := moved(t, dir, payment), (acquirertest.Moved{Authorisations: 1, Held: 1200}); got != want {
		t.Errorf("its books say %+v", got)
	}
}

func TestSlowAnswerComesInTheEnd(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := call(1, acquirer.Authorise, 1200, "")
		if _, err := b.Do(ctx, c, "sim-slow"); !errors.Is(err, acquirer.ErrNoAnswer) {
			t.Fatalf("an answer within a second: %v", err)
		}
		if a, err := b.Do(t.Context(), c, "sim-slow"); err != nil || !a.Approved {
			t.Errorf("%s, %v", a, err)
		}
	})
}

// TestCrashBetweenCallAndAnswer cuts the file at every byte: what is whole was done, what
// is not was never answered and is done when it is asked for again.
func TestCrashBetweenCallAndAnswer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir)
	first, err := b.Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), "sim-ok")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Do(t.Context(), call(2, acquirer.Capture, 1200, first.Reference), ""); err != nil {
		t.Fatal(err)
	}
	_ = b.Close()
	file := filepath.Join(dir, "bank.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(file, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, dir)
		auth, err := b.Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), "sim-ok")
		if err != nil || !auth.Approved {
			t.Fatalf("cut at %d: %s, %v", cut, auth, err)
		}
		if a, err := b.Do(t.Context(), call(2, acquirer.Capture, 1200, auth.Reference), ""); err != nil || !a.Approved {
			t.Fatalf("cut at %d: %s, %v", cut, a, err)
		}
		_ = b.Close()
		if got, want := moved(t, dir, payment), (acquirertest.Moved{Authorisations: 1, Captured: 1200}); got != want {
			t.Fatalf("cut at %d: %+v", cut, got)
		}
	}
}

func TestFileThatItDidNotWriteIsRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"rubbish":               "rubbish\n",
		"an unknown field":      `{"verb":"authorise","key":"k","colour":"red"}` + "\n",
		"a key twice":           `{"verb":"authorise","key":"k"}` + "\n" + `{"verb":"authorise","key":"k"}` + "\n",
		"capture of nothing":    `{"verb":"capture","key":"k","approved":true,"of":"x"}` + "\n",
		"a line without an end": strings.Repeat("x", 9<<10) + "\n",
	} {
		file := filepath.Join(t.TempDir(), "bank.jsonl")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := simbank.Open(simbank.Options{File: file}); err == nil {
			_ = b.Close()
			t.Errorf("%s: it was opened", name)
		}
	}
}

func TestTwoProcessesCannotShareIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open(t, dir)
	if _, err := simbank.Open(simbank.Options{File: filepath.Join(dir, "bank.jsonl")}); !errors.Is(err, simbank.ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func TestFileHoldsNoToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := open(t, dir)
	if _, err := b.Do(t.Context(), call(1, acquirer.Authorise, 1200, ""), "secret-token"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "bank.jsonl"))
	if err != nil || strings.Contains(string(raw), "secret-token") {
		t.Errorf("%q, %v", raw, err)
	}
}
