package main

import (
	"fmt"
	"io"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// TestFloodOfRefusedClaims lets an enrolled wallet push thousands of claims that
// are refused, in single pushes and in large ones, while others pay. It gets
// its refusals for an hour and one summary; what it leaves behind at the
// registry is bounded by that; nobody else notices.
func TestFloodOfRefusedClaims(t *testing.T) {
	t.Parallel()
	const each = 1_500
	w := newWorld(t)
	key, scope := w.keyAndScope("ben")
	for session, batch := range []int{1, 100} {
		var claims [][]byte
		for n := range each {
			f, err := pay.Sign(key, pay.Answer{
				Payment: pay.PaymentID{byte(n), byte(n >> 8), byte(session + 1)}, Merchant: "m/x", Amount: 1, Currency: "EUR",
				Verdict: pay.Approve, By: pay.ByHand,
			})
			w.must(err)
			claims = append(claims, f.Raw())
		}
		l, inc := w.dial(key), pay.Incarnation{byte(session + 1)}
		l.send(wire.Append(nil, wire.Hello{Version: wire.VersionMax, Scope: scope, Incarnation: inc}))
		var flood errgroup.Group
		flood.Go(func() error { return l.pushAll(inc, claims, batch) })
		flood.Go(func() error { return l.allRefused(each) })
		for n := range 5 {
			w.payHonestly(fmt.Sprintf("flood-%d-%d", session, n))
		}
		w.must(flood.Wait())
		l.conn.Close(paysync.CloseDone)
	}
	w.payHonestly("afterwards")
	w.Stop("reg")
	refusals, kept := map[pay.Reason]int{}, 0
	w.must(w.offline("reg", func(v *store.View) error {
		err := v.Entries(scope, 0, 0, func(_ uint64, f pay.Fact) error {
			if no, err := pay.As[pay.Refusal](f); err == nil {
				refusals[no.Reason]++
			}
			return nil
		})
		if err != nil {
			return err
		}
		return v.Facts(func(f pay.Fact) error {
			if f.Signer() == key.ID() {
				kept++
			}
			return nil
		})
	}))
	if len(refusals) != 2 || refusals[pay.ReasonUnknownPayment] != pay.RefusalsPerHour || refusals[pay.ReasonTooMany] != 1 {
		t.Errorf("the feed holds refusals %v, want %d and one summary", refusals, pay.RefusalsPerHour)
	}
	if kept > pay.RefusalsPerHour+1 {
		t.Errorf("%d of %d refused claims are stored", kept, 2*each)
	}
	t.Logf("%d refused claims left %v and %d facts", 2*each, refusals, kept)
}

// pushAll pushes claims as items of one, batch to a message.
func (l *line) pushAll(inc pay.Incarnation, claims [][]byte, batch int) error {
	for first := 0; first < len(claims); first += batch {
		m := wire.Push{Incarnation: inc, First: uint64(first + 1)}
		for _, raw := range claims[first:][:batch] {
			m.Items = append(m.Items, wire.PushItem{Facts: [][]byte{raw}})
		}
		if _, err := l.conn.Write(wire.Append(nil, m)); err != nil {
			return err
		}
	}
	return nil
}

// allRefused reads on until n items are acknowledged, each with a reason.
func (l *line) allRefused(n int) error {
	refused := 0
	for applied := uint64(0); applied < uint64(n); {
		m, err := l.in.Next()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case wire.Ack:
			applied, refused = m.Applied, refused+len(m.Refused)
		case wire.Bye:
			return m.Err()
		}
	}
	if refused != n {
		return fmt.Errorf("%d of %d claims were refused in Acks", refused, n)
	}
	return nil
}

// offline reads the store of a registry that does not run, in this process.
func (w *world) offline(name string, read func(v *store.View) error) error {
	env, err := process.EnvOf(datadir.Dir(w.Data(name)), io.Discard)
	if err != nil {
		return err
	}
	n, err := node.OpenRegistry(w.Ctx, node.RegistryOptions{Env: env})
	if err != nil {
		return err
	}
	defer n.Close()
	return n.Store().View(w.Ctx, read)
}

// TestNodeThatDoesNotRead says Hello and then reads nothing while its feed
// grows beyond every window. The registry holds it to its window and serves the
// others; once it reads and reports, it gets all the rest in order.
func TestNodeThatDoesNotRead(t *testing.T) {
	t.Parallel()
	const topUps = 800
	w := newWorld(t)
	key, scope := w.keyAndScope("ben")
	l := w.dial(key)
	l.send(wire.Append(nil, wire.Hello{Version: wire.VersionMax, Scope: scope, Incarnation: pay.Incarnation{1}}))
	var many errgroup.Group
	many.SetLimit(32)
	for n := range topUps {
		many.Go(func() error {
			q := api.TopUpRequest{Wallet: "ben", Amount: "1.00", Key: pay.IdempotencyKey(fmt.Sprint("gift-", n))}
			return w.query("reg", "topup", q, nil)
		})
	}
	w.must(many.Wait())
	w.payHonestly("while one is deaf")

	seq, unseen, most, pokes, seen := uint64(0), 0, 0, 0, map[pay.FactID]bool{}
	for topped := 0; topped < topUps; {
		m, err := l.in.Next()
		w.must(err)
		switch m := m.(type) {
		case wire.Entries:
			if m.First != seq+1 {
				t.Fatalf("entry %d came after entry %d", m.First, seq)
			}
			seq += uint64(len(m.Facts))
			for _, raw := range m.Facts {
				f, err := pay.Parse(raw)
				w.must(err)
				if unseen += len(raw); f.Kind() == pay.KindTopUp && !seen[f.ID()] {
					topped++
				}
				seen[f.ID()] = true
			}
			most = max(most, unseen)
		case wire.Poke:
			// All that was under way has come: only now it says how far it is.
			pokes, unseen = pokes+1, 0
			l.send(wire.Append(nil, wire.Seen{Seq: seq}))
		case wire.Bye:
			t.Fatalf("sent away: %v", m.Err())
		}
	}
	if pokes == 0 || most > pay.FeedWindowBytes+pay.BatchBytesMax {
		t.Errorf("%d pokes; %d bytes were under way unseen", pokes, most)
	}
	t.Logf("%d entries, %d pokes, at most %d bytes unseen", seq, pokes, most)
	w.payHonestly("after it woke up")
}
