package paysync_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// show writes effects as one line, so that tables read like transcripts.
func show(effects []paysync.Effect) string {
	var out []string
	for _, e := range effects {
		switch e := e.(type) {
		case paysync.Send:
			out = append(out, showMessage(e.Message))
		case paysync.End:
			verb := "end"
			if e.Final {
				verb = "stop"
			}
			out = append(out, fmt.Sprintf("%s %s", verb, e.Err.Code))
		case paysync.ReadOutbox:
			out = append(out, fmt.Sprintf("outbox>%d", e.After))
		case paysync.NoteAck:
			out = append(out, fmt.Sprintf("acked %d refused %d", e.N, len(e.Refused)))
		case paysync.MirrorEntries:
			line := fmt.Sprintf("mirror %d+%d", e.From.Seq, len(e.Facts))
			if e.Ack.N > 0 {
				line += fmt.Sprintf(" acked %d refused %d", e.Ack.N, len(e.Ack.Refused))
			}
			out = append(out, line)
		case paysync.ApplyItems:
			out = append(out, fmt.Sprintf("apply %d+%d", e.Items[0].N, len(e.Items)))
		case paysync.ReadFeed:
			out = append(out, fmt.Sprintf("feed>%d", e.After))
		default:
			out = append(out, strings.ToLower(reflect.TypeOf(e).Name()))
		}
	}
	return strings.Join(out, ", ")
}

func showMessage(m wire.Message) string {
	switch m := m.(type) {
	case wire.Push:
		return fmt.Sprintf("Push %d+%d", m.First, len(m.Items))
	case wire.Ack:
		return fmt.Sprintf("Ack %d refused %d", m.Applied, len(m.Refused))
	case wire.Entries:
		return fmt.Sprintf("Entries %d+%d", m.First, len(m.Facts))
	case wire.Seen:
		return fmt.Sprintf("Seen %d", m.Seq)
	case wire.Pace:
		return fmt.Sprintf("Pace %v", m.PingEvery.Std())
	case wire.Welcome:
		return fmt.Sprintf("Welcome %d", m.Resume)
	default:
		return reflect.TypeOf(m).Name()
	}
}

type step struct {
	at    time.Duration
	event paysync.Event
	want  string
}

var start = time.Unix(1_000_000, 0)

type stepper interface {
	Step(time.Time, paysync.Event) []paysync.Effect
}

func run(t *testing.T, s stepper, steps []step) {
	t.Helper()
	for i, st := range steps {
		if got := show(s.Step(start.Add(st.at), st.event)); got != st.want {
			t.Fatalf("step %d (%T at %v): got %q, want %q", i, st.event, st.at, got, st.want)
		}
	}
}

// feedOf returns n entries: the authority and refusals.
func feedOf(r *registry, n int) []pay.Fact {
	r.enlist(testKey(3))
	r.post(n - 1)
	return r.feeds[testScope]
}

func entries(facts []pay.Fact, from, to int) wire.Entries {
	m := wire.Entries{Scope: testScope, First: uint64(from), Chain: headOf(pay.Epoch{}, facts[:to]).Cursor.Chain}
	for _, f := range facts[from-1 : to] {
		m.Facts = append(m.Facts, f.Raw())
	}
	return m
}

func TestClientSession(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 9)
	box := newNode(3)
	box.publish(9)
	inc := box.inc
	epoch := reg.epoch
	at := func(seq int) pay.Head { return headOf(epoch, feed[:seq]) }
	welcome := wire.Welcome{Version: wire.VersionMax, Resume: wire.ResumeOn, Head: at(9), Incarnation: inc, Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()}
	with := func(change func(*wire.Welcome)) paysync.Event {
		w := welcome
		change(&w)
		return paysync.Received{Message: w}
	}
	connected := paysync.Connected{Position: pay.Position{Incarnation: inc}}
	stands := paysync.Connected{Position: pay.Position{Head: at(4), Incarnation: inc, Acked: 2, Last: 5}}
	up := []step{{0, connected, "Hello"}, {0, with(func(*wire.Welcome) {}), "wentup, openoutbox"}, {0, paysync.Opened{}, ""}}
	got := func(m wire.Message) paysync.Event { return paysync.Received{Message: m} }
	stranger := sign(testKey(9), pay.Refusal{Reason: "x"})
	forged := append([]byte{}, feed[2].Raw()...)
	forged[len(forged)-1] ^= 1
	otherRoot := sign(testKey(8), pay.Authority{Root: testKey(8).Public(), Working: testKey(9).Public(), Until: 1 << 47})
	short := sign(reg.root, pay.Authority{Root: reg.root.Public(), Working: reg.working.Public(), Until: 5})
	replaced := func(i int, raw []byte) wire.Entries {
		m := entries(feed, 1, 4)
		m.Facts[i] = raw
		return m
	}

	cases := []struct {
		name  string
		steps []step
	}{
		{"a new node gets its feed", append(up[:3:3],
			step{0, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{0, paysync.Mirrored{Head: at(3)}, ""},
			step{0, got(entries(feed, 4, 9)), "mirror 3+6"},
			step{0, paysync.Mirrored{Head: at(9)}, ""},
			step{2 * time.Second, paysync.Tick{}, "Seen 9, Ping"})},
		{"what is durable is told with the next push", append(up[:3:3],
			step{0, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{0, paysync.Mirrored{Head: at(3)}, ""},
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Queued{Items: box.items[:1]}, "Seen 3, Push 1+1"})},
		{"an acknowledgement is noted with the entries that follow it", append(up[:3:3],
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Queued{Items: box.items[:3]}, "Push 1+3"},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 1, Refused: []wire.RefusedItem{{N: 1, Reason: "no"}}}), ""},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 2}), ""},
			step{0, got(entries(feed, 1, 3)), "mirror 0+3 acked 2 refused 1"},
			step{0, paysync.Mirrored{Head: at(3)}, ""},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 3}), ""},
			step{19 * time.Millisecond, paysync.Tick{}, ""},
			step{20 * time.Millisecond, paysync.Tick{}, "acked 3 refused 0"},
			step{21 * time.Millisecond, paysync.Noted{}, ""},
			step{22 * time.Millisecond, paysync.Tick{}, ""})},
		{"no acknowledgement overtakes one that is being noted", append(up[:3:3],
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Queued{Items: box.items[:3]}, "Push 1+3"},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 1}), ""},
			step{20 * time.Millisecond, paysync.Tick{}, "acked 1 refused 0"},
			step{21 * time.Millisecond, got(wire.Ack{Incarnation: inc, Applied: 2}), ""},
			step{22 * time.Millisecond, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{50 * time.Millisecond, paysync.Tick{}, ""},
			step{51 * time.Millisecond, paysync.Noted{}, ""},
			step{52 * time.Millisecond, paysync.Tick{}, "acked 2 refused 0"})},
		{"it resumes behind its cursor and its outbox", []step{
			{0, stands, "Hello"},
			{0, with(func(w *wire.Welcome) { w.Applied = 3 }), "wentup, openoutbox, acked 3 refused 0"},
			{0, paysync.Opened{}, "outbox>3"},
			{0, paysync.Queued{Items: box.items[3:5]}, "Push 4+2"},
			{0, got(entries(feed, 5, 6)), "mirror 4+2"},
			{0, got(wire.Ack{Incarnation: inc, Applied: 5, Refused: []wire.RefusedItem{{N: 5, Reason: "no"}}}), ""},
			{0, paysync.Noted{}, ""},
			{20 * time.Millisecond, paysync.Tick{}, "acked 5 refused 1"}}},
		{"nothing is pushed before the store knows of the session", []step{
			{0, stands, "Hello"},
			{0, paysync.Changed{}, ""},
			{0, with(func(w *wire.Welcome) { w.Applied = 2 }), "wentup, openoutbox"},
			{0, paysync.Changed{}, ""},
			{0, paysync.Opened{}, "outbox>2"}}},
		{"what is published while the outbox is read is read next", append(up[:3:3],
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Changed{}, ""},
			step{0, paysync.Queued{Items: box.items[:1]}, "Push 1+1, outbox>1"},
			step{0, paysync.Queued{}, ""},
			step{0, paysync.Changed{}, "outbox>1"})},
		{"entries it has already are skipped", append(up[:3:3],
			step{0, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{0, got(entries(feed, 1, 3)), ""},
			step{0, got(entries(feed, 2, 5)), "mirror 3+2"})},
		{"a poke is answered with what is durable", append(up[:3:3],
			step{0, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{0, got(wire.Poke{}), "Seen 0"},
			step{0, paysync.Mirrored{Head: at(3)}, "Seen 3"},
			step{0, got(wire.Poke{}), "Seen 3"},
			step{0, got(entries(feed, 4, 4)), "mirror 3+1"},
			step{0, paysync.Mirrored{Head: at(4)}, ""})},
		{"a gap in the entries", append(up[:3:3], step{0, got(entries(feed, 2, 3)), "end E_BAD_FACT"})},
		{"entries of another scope", append(up[:3:3], step{0, got(func() wire.Entries { e := entries(feed, 1, 3); e.Scope = "m/other"; return e }()), "end E_BAD_FACT"})},
		{"another chain", append(up[:3:3], step{0, got(func() wire.Entries { e := entries(feed, 1, 3); e.Chain[0] ^= 1; return e }()), "end E_BAD_FACT"})},
		{"entries in another order", append(up[:3:3], step{0, got(func() wire.Entries {
			e := entries(feed, 1, 3)
			e.Facts[1], e.Facts[2] = e.Facts[2], e.Facts[1]
			return e
		}()), "end E_BAD_FACT"})},
		{"one forged signature spoils all", append(up[:3:3], step{0, got(replaced(2, forged)), "end E_BAD_FACT"}, step{0, got(entries(feed, 1, 3)), ""})},
		{"a key without authority", append(up[:3:3], step{0, got(replaced(2, stranger.Raw())), "end E_BAD_FACT"})},
		{"an authority of another root", append(up[:3:3], step{0, got(replaced(2, otherRoot.Raw())), "end E_BAD_FACT"})},
		{"bytes that are no fact", append(up[:3:3], step{0, got(replaced(2, []byte("no fact"))), "end E_BAD_FACT"})},
		{"entries that follow before the last are stored", append(up[:3:3],
			step{0, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{0, got(entries(feed, 4, 6)), "mirror 3+3"},
			step{0, got(entries(feed, 7, 9)), "mirror 6+3"},
			step{0, paysync.Mirrored{Head: at(6)}, ""}, // two were stored together
			step{0, paysync.Mirrored{Head: at(9)}, ""},
			step{0, paysync.Mirrored{Head: at(9)}, "end E_FAILED"})},
		{"a store that mirrored something else", append(up[:3:3],
			step{0, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{0, paysync.Mirrored{Head: at(2)}, "end E_FAILED"})},

		{"the node is ahead", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Resume = wire.ResumeAhead }), "stop E_CONFLICT"}}},
		{"the registry's history began anew", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Resume = wire.ResumeEpoch }), "stop E_CONFLICT"}}},
		{"the histories fork", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Resume = wire.ResumeFork }), "stop E_CONFLICT"}}},
		{"the registry lost acknowledged items", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Applied = 1 }), "stop E_CONFLICT"}}},
		{"the node lost items", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Applied = 6 }), "stop E_CONFLICT"}}},
		{"another version", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Version = wire.VersionMax + 1 }), "end E_UPGRADE"}}},
		{"a registry that speaks more versions", []step{{0, connected, "Hello"}, {0, with(func(w *wire.Welcome) { *w = w.Speaking(3, wire.Versions{Min: 2, Max: 5}) }), "wentup, openoutbox"}}},
		{"a version that only the registry speaks", []step{{0, connected, "Hello"}, {0, with(func(w *wire.Welcome) { *w = w.Speaking(4, wire.Versions{Min: 2, Max: 5}) }), "end E_UPGRADE"}}},
		{"a Welcome of version 2", []step{{0, connected, "Hello"}, {0, with(func(w *wire.Welcome) { w.Version = 2 }), "end E_UPGRADE"}}},
		{"another outbox", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Incarnation[0] ^= 1 }), "end E_BAD_FACT"}}},
		{"an authority of another key", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Authority = otherRoot.Raw() }), "end E_NOT_TRUSTED"}}},
		{"an authority that ended", []step{{0, stands, "Hello"}, {0, with(func(w *wire.Welcome) { w.Authority, w.Now = short.Raw(), 5 }), "end E_NOT_TRUSTED"}}},

		{"revoked", []step{{0, stands, "Hello"}, {0, got(wire.Bye{Code: pay.CodeNotAllowed}), "stop E_NOT_ALLOWED"}, {0, got(welcome), ""}}},
		{"not enrolled", []step{{0, stands, "Hello"}, {0, got(wire.Bye{Code: pay.CodeNotEnrolled}), "stop E_NOT_ENROLLED"}}},
		{"a registry of another version, which may be upgraded later", []step{{0, stands, "Hello"}, {0, got(wire.Bye{Code: pay.CodeUpgrade}), "end E_UPGRADE"}}},
		{"replaced by a newer connection", append(up[:3:3], step{0, got(wire.Bye{Code: pay.CodeInUse}), "end E_IN_USE"})},
		{"the registry's disk is full", append(up[:3:3], step{0, got(wire.Bye{Code: pay.CodeNoSpace}), "end E_NO_SPACE"})},
		{"entries before Welcome", []step{{0, stands, "Hello"}, {0, got(entries(feed, 5, 6)), "end E_BAD_FACT"}}},
		{"a second Welcome", append(up[:3:3], step{0, got(welcome), "end E_BAD_FACT"})},
		{"a Push from the registry", append(up[:3:3], step{0, got(wire.Push{First: 1}), "end E_BAD_FACT"})},
		{"an Ack of what was never sent", append(up[:3:3], step{0, got(wire.Ack{Incarnation: inc, Applied: 1}), "end E_BAD_FACT"})},
		{"an Ack of another outbox", append(up[:3:3], step{0, got(wire.Ack{Applied: 0}), "end E_BAD_FACT"})},
		{"an Ack twice", append(up[:3:3],
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Queued{Items: box.items[:2]}, "Push 1+2"},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 1}), ""},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 1}), ""},
			step{0, got(wire.Ack{Incarnation: inc, Applied: 0}), "end E_BAD_FACT"})},
		{"an outbox with a gap", append(up[:3:3],
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Queued{Items: box.items[1:3]}, "end E_FAILED"})},

		{"no Welcome", []step{{0, stands, "Hello"}, {9 * time.Second, paysync.Tick{}, ""}, {10 * time.Second, paysync.Tick{}, "end E_UNREACHABLE"}}},
		{"pings that are answered", append(up[:3:3],
			step{1 * time.Second, paysync.Tick{}, ""},
			step{2 * time.Second, paysync.Tick{}, "Ping"},
			step{3 * time.Second, got(wire.Pong{Nonce: 1}), ""},
			step{4 * time.Second, paysync.Tick{}, "Ping"},
			step{4500 * time.Millisecond, got(wire.Pong{Nonce: 2}), ""},
			step{6 * time.Second, paysync.Tick{}, "Ping"})},
		{"pings at another pace", append(up[:3:3],
			step{2 * time.Second, paysync.Tick{}, "Ping"},
			step{2500 * time.Millisecond, got(wire.Pong{Nonce: 1}), ""},
			step{2500 * time.Millisecond, got(wire.Pace{PingEvery: 25_000}), ""},
			step{26500 * time.Millisecond, paysync.Tick{}, ""},
			step{27 * time.Second, paysync.Tick{}, "Ping"}, // a whole second of the registry's clock has passed
			step{28 * time.Second, got(wire.Pong{Nonce: 2}), ""},
			step{28 * time.Second, got(wire.Pace{PingEvery: 5_000}), ""},
			step{33 * time.Second, paysync.Tick{}, "Ping"},
			step{38 * time.Second, paysync.Tick{}, "end E_UNREACHABLE"})},
		{"no Pong for two intervals", append(up[:3:3],
			step{2 * time.Second, paysync.Tick{}, "Ping"},
			step{2500 * time.Millisecond, got(wire.Pong{Nonce: 1}), ""},
			step{4 * time.Second, paysync.Tick{}, "Ping"},
			step{6 * time.Second, paysync.Tick{}, "Ping"},
			step{6500 * time.Millisecond, paysync.Tick{}, "end E_UNREACHABLE"},
			step{7 * time.Second, paysync.Tick{}, ""})},
		{"other messages are no Pong", append(up[:3:3],
			step{2 * time.Second, paysync.Tick{}, "Ping"},
			step{3 * time.Second, got(entries(feed, 1, 3)), "mirror 0+3"},
			step{4 * time.Second, paysync.Tick{}, "end E_UNREACHABLE"})},
		{"a Pong that answers nothing", append(up[:3:3], step{0, got(wire.Pong{Nonce: 1}), "end E_BAD_FACT"})},
		{"a registry that pings back and acknowledges nothing", append(up[:3:3],
			step{0, paysync.Changed{}, "outbox>0"},
			step{0, paysync.Queued{Items: box.items[:1]}, "Push 1+1"},
			step{3 * time.Second, paysync.Tick{}, "Ping"},
			step{29 * time.Second, got(wire.Pong{Nonce: 1}), ""},
			step{30 * time.Second, paysync.Tick{}, "end E_UNREACHABLE"})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := paysync.NewClientSession(paysync.ClientIdentity{Scope: testScope, Root: reg.root.ID(), Working: reg.working.Public()})
			run(t, s, c.steps)
		})
	}
}

// TestEntriesAreStoredLaterWhileMoreFollow: a node that catches up verifies the next
// entries while the last are stored; one that keeps up has nothing to wait for.
func TestEntriesAreStoredLaterWhileMoreFollow(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 9)
	box := newNode(3)
	at := func(seq int) pay.Head { return headOf(reg.epoch, feed[:seq]) }
	s := paysync.NewClientSession(paysync.ClientIdentity{Scope: testScope, Root: reg.root.ID(), Working: reg.working.Public()})
	later := func(event paysync.Event) (later []bool) {
		for _, effect := range s.Step(start, event) {
			if e, ok := effect.(paysync.MirrorEntries); ok {
				later = append(later, e.Later)
			}
		}
		return later
	}
	later(paysync.Connected{Position: pay.Position{Incarnation: box.inc}})
	later(paysync.Received{Message: wire.Welcome{Version: wire.VersionMax, Resume: wire.ResumeOn, Head: at(6), Incarnation: box.inc, Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()}})
	for i, c := range []struct {
		event paysync.Event
		want  []bool
	}{
		{paysync.Received{Message: entries(feed, 1, 3)}, []bool{true}},  // 6 are there
		{paysync.Received{Message: entries(feed, 4, 6)}, []bool{true}},  // it must not overtake the others
		{paysync.Mirrored{Head: at(3)}, nil},                            //
		{paysync.Received{Message: entries(feed, 7, 7)}, []bool{true}},  // nor must this one
		{paysync.Mirrored{Head: at(7)}, nil},                            //
		{paysync.Received{Message: entries(feed, 8, 8)}, []bool{false}}, // all that was known of is stored
	} {
		if got := later(c.event); !slices.Equal(got, c.want) {
			t.Errorf("step %d: later %v, want %v", i, got, c.want)
		}
	}
}

func TestPushesStayWithinTheWindow(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	box := newNode(3)
	box.publish(2_000)
	size := len(box.items[0].Facts[0].Raw())
	s := paysync.NewClientSession(paysync.ClientIdentity{Scope: testScope, Root: reg.root.ID(), Working: reg.working.Public()})
	flight, sent, acked := 0, uint64(0), uint64(0)
	var handle func(effects []paysync.Effect)
	handle = func(effects []paysync.Effect) {
		for _, e := range effects {
			switch e := e.(type) {
			case paysync.ReadOutbox:
				items := box.items[e.After:min(int(e.After)+e.Limit, len(box.items))]
				handle(s.Step(start, paysync.Queued{Items: items}))
			case paysync.Send:
				push, ok := e.Message.(wire.Push)
				if !ok {
					continue
				}
				frame := wire.Append(nil, push)
				if len(frame) > pay.BatchBytesMax+4096 {
					t.Fatalf("a frame of %d bytes", len(frame))
				}
				flight += len(frame)
				sent += uint64(len(push.Items))
				if sent-acked > pay.PushWindowItems || flight > pay.PushWindowBytes+4096 {
					t.Fatalf("%d items and %d bytes in flight", sent-acked, flight)
				}
			case paysync.End:
				t.Fatalf("ended: %v", e.Err)
			}
		}
	}
	handle(s.Step(start, paysync.Connected{Position: box.position()}))
	handle(s.Step(start, paysync.Received{Message: wire.Welcome{Version: wire.VersionMax, Resume: 1, Head: headOf(reg.epoch, nil), Incarnation: box.inc, PingEvery: 2_000, Authority: reg.authority.Raw()}}))
	handle(s.Step(start, paysync.Opened{}))
	for rounds := 0; acked < 2_000; rounds++ {
		if sent == acked || rounds > 2_000 {
			t.Fatalf("stuck at item %d of 2000 (facts of %d bytes)", acked, size)
		}
		acked, flight = sent, 0
		handle(s.Step(start, paysync.Received{Message: wire.Ack{Incarnation: box.inc, Applied: acked}}))
	}
}
