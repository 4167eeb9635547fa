package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// loneWallet is a wallet's node that runs without a registry, and the working
// key that signs what comes down its feed.
type loneWallet struct {
	*Wallet
	t       *testing.T
	working pay.Key
	from    pay.Cursor
}

func newLoneWallet(t *testing.T, approve string) *loneWallet {
	t.Helper()
	env, err := process.EnvOf(datadir.Dir(t.TempDir()), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	root, err := pay.KeyFromSeed(bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	working, err := pay.KeyFromSeed(bytes.Repeat([]byte{3}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := env.Dir.LoadOrMakeKey("node.key"); err != nil {
		t.Fatal(err)
	}
	m := datadir.Member{V: 1, Role: pay.RoleWallet, Scope: "w/ann", Name: "ann", Server: "127.0.0.1:1", Root: root.ID().String(), Currency: "EUR"}
	if err := env.Dir.SaveMember(m); err != nil {
		t.Fatal(err)
	}
	n, err := OpenWallet(t.Context(), WalletOptions{Env: env, Approve: approve})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.store.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		n.Close()
	})
	return &loneWallet{Wallet: n, t: t, working: working, from: pay.Cursor{Epoch: pay.Epoch{1}}}
}

// deliver mirrors what the registry says next.
func (w *loneWallet) deliver(bodies ...pay.Body) (last pay.FactID) {
	w.t.Helper()
	for _, b := range bodies {
		f, err := pay.Sign(w.working, b)
		if err != nil {
			w.t.Fatal(err)
		}
		head, err := w.store.Journal().Mirror(w.t.Context(), w.from, []pay.Fact{f}, pay.Acked{})
		if err != nil {
			w.t.Fatal(err)
		}
		w.from, last = head.Cursor, f.ID()
	}
	return last
}

// offer is the first decision on a payment of 12.50.
func (w *loneWallet) offer() pay.Decision {
	now := w.store.Now()
	return pay.Decision{
		Payment: pay.PaymentID{7}, Prev: pay.FactID{7}, Claim: pay.FactID{7}, Seq: 1, State: pay.StateOffered, At: now,
		Terms: pay.Terms{
			Merchant: "m/cafe", MerchantName: "Cafe", Site: "Hall", Amount: 1250, Currency: "EUR", Handle: "amber-otter",
			Payer: pay.PayerRef{1}, Expires: now.Add(60_000), Test: true,
		},
	}
}

// A capture that the wallet never approved is told where its owner looks.
func TestStatusTellsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newLoneWallet(t, "ask")
	d := w.offer()
	d.Prev, d.Seq, d.State, d.Claim, d.By = w.deliver(d), 2, pay.StateCaptured, pay.FactID{9}, pay.ByHand
	w.deliver(d)
	s, err := w.status(t.Context(), api.Nothing{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Findings) != 1 || !strings.Contains(s.Findings[0], d.Payment.Short()) || !strings.Contains(s.Findings[0], "without an approval") {
		t.Errorf("status tells %q", s.Findings)
	}
	if s.Balance != -1250 {
		t.Errorf("balance is %d", s.Balance)
	}
}

// notUnderstood is a critical kind of a newer version.
type notUnderstood struct {
	N int `cbor:"1,keyasint"`
}

func (notUnderstood) Kind() pay.Kind { return "must-escrow" }
func (notUnderstood) Check() error   { return nil }

// A command that may not approve, because the registry uses what this version
// does not understand, leaves the offer to a person and the wallet running.
func TestExecutorOutlivesARefusal(t *testing.T) {
	t.Parallel()
	w := newLoneWallet(t, "exec:exit 0")
	w.deliver(notUnderstood{1}, w.offer())
	if _, err := newApprover(&w.payer, w.command).answerAll(t.Context()); err != nil {
		t.Fatalf("the wallet would end: %v", err)
	}
	err := w.store.View(t.Context(), func(v *store.View) error {
		pending, err := w.wallet.Pending(v, w.store.Now())
		if len(pending) != 1 {
			t.Errorf("%d offers wait for a person", len(pending))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWhatAnAnswerWaitsFor: a device that is away and a full disk pass, and the
// wallet lives on meanwhile; what it cannot explain ends it.
func TestWhatAnAnswerWaitsFor(t *testing.T) {
	t.Parallel()
	for code, want := range map[pay.ErrorCode]bool{
		pay.CodeDevice: true, pay.CodeNoSpace: true,
		pay.CodeDecided: false, pay.CodeNotAllowed: false, pay.CodeUnknown: false, pay.CodeFailed: false,
	} {
		if err := pay.NewError(code, "x", "y"); canWait(err) != want || canWait(fmt.Errorf("answer: %w", err)) != want {
			t.Errorf("%s: %v, want %v", code, !want, want)
		}
	}
	if canWait(nil) {
		t.Error("nothing went wrong, and it waits")
	}
}
