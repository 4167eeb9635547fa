package paysync_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

func TestServerSession(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 9)
	box := newNode(3)
	box.publish(9)
	status := reg.members[box.key.ID()]
	head := headOf(reg.epoch, feed)
	cursor := func(seq int) wire.Hello {
		h := headOf(reg.epoch, feed[:seq])
		return wire.Hello{Version: wire.VersionMax, Scope: testScope, Cursor: h.Cursor, Digest: h.Digest, Incarnation: box.inc, Last: 9}
	}
	standing := paysync.Standing{Known: true, Member: status, Head: head, Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()}
	stood := func(seq int, change func(*paysync.Standing)) paysync.Event {
		st := standing
		if seq > 0 && seq <= len(feed) {
			st.Chain, st.HasChain = headOf(reg.epoch, feed[:seq]).Cursor.Chain, true
		}
		if change != nil {
			change(&st)
		}
		return paysync.Stood{Standing: st}
	}
	got := func(m wire.Message) paysync.Event { return paysync.Received{Message: m} }
	pushed := func(first, last int) paysync.Pushed {
		return paysync.Pushed{Incarnation: box.inc, Items: box.items[first-1 : last]}
	}
	fed := func(from, to int, more bool) paysync.Fed {
		f := paysync.Fed{More: more}
		for _, e := range feed[from-1 : to] {
			f.Facts = append(f.Facts, e.Raw())
		}
		return f
	}
	up := []step{{0, got(cursor(0)), "look"}, {0, stood(0, nil), "Welcome 1, feed>0"}, {0, fed(1, 9, false), "Entries 1+9"}}
	hello := func(seq int, change func(*wire.Hello)) paysync.Event {
		h := cursor(seq)
		change(&h)
		return got(h)
	}

	ping := func(nonce uint64, every pay.Millis) paysync.Event {
		return paysync.Pinged{Nonce: nonce, PingEvery: every}
	}

	cases := []struct {
		name  string
		steps []step
	}{
		{"resume on", []step{{0, got(cursor(4)), "look"}, {0, stood(4, nil), "Welcome 1, feed>4"}, {0, fed(5, 9, false), "Entries 5+5"}}},
		{"resume at the end", []step{{0, got(cursor(9)), "look"}, {0, stood(9, nil), "Welcome 1, feed>9"}, {0, paysync.Fed{}, ""}, {0, paysync.Grown{}, "feed>9"}}},
		{"a node that never synced", []step{{0, hello(0, func(h *wire.Hello) { h.Cursor = pay.Cursor{} }), "look"}, {0, stood(0, nil), "Welcome 1, feed>0"}}},
		{"the node is ahead", []step{{0, hello(4, func(h *wire.Hello) { h.Cursor.Seq = 10 }), "look"}, {0, stood(10, nil), "Welcome 2, end E_CONFLICT"}}},
		{"another epoch", []step{{0, hello(4, func(h *wire.Hello) { h.Cursor.Epoch[0] ^= 1 }), "look"}, {0, stood(4, nil), "Welcome 3, end E_CONFLICT"}}},
		{"a fork", []step{{0, hello(4, func(h *wire.Hello) { h.Cursor.Chain[0] ^= 1 }), "look"}, {0, stood(4, nil), "Welcome 4, end E_CONFLICT"}}},
		{"equal chains over different sets", []step{{0, hello(9, func(h *wire.Hello) { h.Digest[0] ^= 1 }), "look"}, {0, stood(9, nil), "Welcome 4, end E_CONFLICT"}}},
		{"a stranger", []step{{0, got(cursor(0)), "look"}, {0, paysync.Stood{}, "end E_NOT_ENROLLED"}}},
		{"a revoked node", []step{{0, got(cursor(0)), "look"}, {0, stood(0, func(s *paysync.Standing) { s.Member.Revoked = true }), "end E_NOT_ALLOWED"}}},
		{"another scope", []step{{0, hello(0, func(h *wire.Hello) { h.Scope = "m/other" }), "look"}, {0, stood(0, nil), "end E_NOT_ALLOWED"}}},
		{"the registry's own scope", []step{{0, hello(0, func(h *wire.Hello) { h.Scope = "s" }), "look"}, {0, stood(0, nil), "end E_NOT_ALLOWED"}}},
		{"a device", []step{{0, got(cursor(0)), "look"}, {0, stood(0, func(s *paysync.Standing) { s.Member.Role = pay.RoleDevice }), "end E_NOT_ALLOWED"}}},
		{"another version", []step{{0, hello(0, func(h *wire.Hello) { h.Version = wire.VersionMax + 1 }), "look"}, {0, stood(0, nil), "end E_UPGRADE"}}},
		{"a node that speaks more versions", []step{{0, hello(0, func(h *wire.Hello) { h.Version, h.Oldest = 5, 2 }), "look"}, {0, stood(0, nil), "Welcome 1, feed>0"}}},
		{"a node whose versions are all newer", []step{{0, hello(0, func(h *wire.Hello) { h.Version, h.Oldest = 5, 4 }), "look"}, {0, stood(0, nil), "end E_UPGRADE"}}},
		{"a node of version 2", []step{{0, hello(0, func(h *wire.Hello) { h.Version = 2 }), "look"}, {0, stood(0, nil), "end E_UPGRADE"}}},

		{"items are applied and acknowledged", append(up[:3:3],
			step{0, pushed(1, 3), "apply 1+3"},
			step{0, pushed(4, 7), "apply 4+4"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 3}}, "Ack 3 refused 0"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 7, Refused: map[uint64]pay.Reason{7: "no", 5: "no", 2: "old"}}}, "Ack 7 refused 2"})},
		{"items come twice", append(up[:3:3],
			step{0, pushed(1, 3), "apply 1+3"},
			step{0, pushed(2, 5), "apply 4+2"},
			step{0, pushed(1, 5), "Ack 0 refused 0"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 3}}, "Ack 3 refused 0"},
			step{0, pushed(1, 5), "Ack 3 refused 0"})},
		{"an earlier session brought more", append(up[:3:3],
			step{0, pushed(1, 3), "apply 1+3"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 9}}, "Ack 3 refused 0"},
			step{0, pushed(4, 9), "apply 4+6"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 9}}, "Ack 9 refused 0"})},
		{"items leave a gap", append(up[:3:3], step{0, pushed(2, 3), "end E_BAD_FACT"})},
		{"items of another outbox", append(up[:3:3], step{0, paysync.Pushed{Incarnation: pay.Incarnation{9}, Items: box.items[:1]}, "end E_BAD_FACT"})},
		{"items before Welcome", []step{{0, pushed(1, 3), "end E_BAD_FACT"}}},
		{"a Ping before Hello", []step{{0, ping(1, 2_000), "end E_BAD_FACT"}}},
		{"a second Hello", append(up[:3:3], step{0, got(cursor(0)), "end E_BAD_FACT"})},
		{"entries from a node", append(up[:3:3], step{0, got(entries(feed, 1, 1)), "end E_BAD_FACT"})},
		{"Enrol in a session", append(up[:3:3], step{0, got(wire.Enrol{}), "end E_BAD_FACT"})},
		{"a Ping", append(up[:3:3], step{0, ping(7, 2_000), "Pong"})},
		{"more nodes have come, and some have gone", append(up[:3:3],
			step{0, ping(1, 2_000), "Pong"},
			step{0, ping(2, 25_000), "Pong, Pace 25s"},
			step{0, ping(3, 25_000), "Pong"},
			step{0, ping(4, 5_000), "Pong, Pace 5s"})},
		{"a node that sends Bye", append(up[:3:3], step{0, got(wire.Bye{Code: "E_X"}), "end E_X"}, step{0, pushed(1, 3), ""})},
		{"entries seen that were never sent", append(up[:3:3], step{0, got(wire.Seen{Seq: 10}), "end E_BAD_FACT"})},
		{"entries seen twice", append(up[:3:3], step{0, got(wire.Seen{Seq: 9}), ""}, step{0, got(wire.Seen{Seq: 4}), ""})},
		{"an acknowledgement goes with the entries that came of it", append(up[:3:3],
			step{0, pushed(1, 3), "apply 1+3"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 3, Refused: map[uint64]pay.Reason{2: "no"}, Grown: map[pay.Scope]uint64{testScope: 10, "w/other": 7}}}, "feed>9"},
			step{0, paysync.Grown{Seq: 10}, ""},
			step{0, pushed(1, 3), ""},
			step{0, fed(9, 9, false), "Ack 3 refused 1, Entries 10+1"},
			step{0, paysync.Grown{Seq: 10}, ""},
			step{0, paysync.Grown{Seq: 11}, "feed>10"},
			step{0, pushed(4, 4), "apply 4+1"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 4, Grown: map[pay.Scope]uint64{testScope: 11}}}, ""},
			step{0, fed(9, 9, false), "Ack 4 refused 0, Entries 11+1"})},
		{"an acknowledgement whose entries were sent before, or are others'", append(up[:3:3],
			step{0, pushed(1, 3), "apply 1+3"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 3, Grown: map[pay.Scope]uint64{testScope: 9, "w/other": 99}}}, "Ack 3 refused 0"})},
		{"an acknowledgement is not lost when there is nothing to read", append(up[:3:3],
			step{0, pushed(1, 3), "apply 1+3"},
			step{0, paysync.Applied{Applied: pay.Applied{N: 3, Grown: map[pay.Scope]uint64{testScope: 10}}}, "feed>9"},
			step{0, paysync.Fed{}, "Ack 3 refused 0"})},
		{"growth while the feed is read", append(up[:2:2],
			step{0, paysync.Grown{}, ""},
			step{0, fed(1, 4, false), "Entries 1+4, feed>4"},
			step{0, fed(5, 9, true), "Entries 5+5, feed>9"},
			step{0, paysync.Fed{}, ""})},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, &paysync.ServerSession{}, c.steps)
		})
	}
}

func TestSlowNodeIsPokedOnceAndGoesOnWhenItHasSeen(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 2)
	raw := make([][]byte, pay.BatchFactsMax)
	for i := range raw {
		raw[i] = feed[1].Raw()[:60]
	}
	var s paysync.ServerSession
	st := paysync.Standing{Known: true, Member: reg.members[testKey(3).ID()], Head: headOf(reg.epoch, feed), PingEvery: 2_000, Authority: reg.authority.Raw()}
	full := paysync.Fed{Facts: raw, More: true}
	run(t, &s, []step{
		{0, paysync.Received{Message: wire.Hello{Version: wire.VersionMax, Scope: testScope}}, "look"},
		{0, paysync.Stood{Standing: st}, "Welcome 1, feed>0"},
		{0, full, "Entries 1+256, feed>256"},
		{0, full, "Entries 257+256, feed>512"},
		{0, full, "Entries 513+256, feed>768"},
		{0, full, "Entries 769+256, Poke"},
		{0, paysync.Grown{}, ""},
		{0, paysync.Received{Message: wire.Seen{Seq: 0}}, ""},
		{0, paysync.Received{Message: wire.Seen{Seq: 100}}, "feed>1024"},
		{0, full, "Entries 1025+256, Poke"},
		{0, paysync.Pinged{Nonce: 1, PingEvery: 2_000}, "Pong"},
	})
}

func TestOpenPushVerifiesEachFact(t *testing.T) {
	t.Parallel()
	box, other := testKey(3), testKey(4)
	own := sign(box, pay.Cancel{Payment: pay.PaymentID{1}}).Raw()
	foreign := sign(other, pay.Cancel{Payment: pay.PaymentID{1}}).Raw()
	forged := append([]byte{}, own...)
	forged[len(forged)-1] ^= 1
	cases := []struct {
		name string
		fact []byte
		ok   bool
	}{
		{"its own", own, true},
		{"another node's", foreign, false},
		{"forged", forged, false},
		{"no fact", []byte("no fact"), false},
		{"not canonical", append(own[:len(own):len(own)], 0), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := wire.Push{Incarnation: pay.Incarnation{1}, First: 5, Items: []wire.PushItem{{Age: 7, Facts: [][]byte{own}}, {Facts: [][]byte{own, c.fact}}}}
			got, err := paysync.OpenPush(box.Public(), m)
			if c.ok != (err == nil) {
				t.Fatalf("got %v", err)
			}
			if !c.ok {
				if pay.CodeOf(err) != pay.CodeBadFact {
					t.Errorf("code %s", pay.CodeOf(err))
				}
				return
			}
			if len(got.Items) != 2 || got.Items[0].N != 5 || got.Items[0].Age != 7 || got.Items[1].N != 6 || len(got.Items[1].Facts) != 2 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestOpenPushNamesTheWrongFactOfMany: a message so long that its signatures are
// verified together names the first fact that is wrong, wherever it stands.
func TestOpenPushNamesTheWrongFactOfMany(t *testing.T) {
	t.Parallel()
	box := testKey(3)
	const items = 60 // of two facts each
	raw := make([][]byte, 2*items)
	for i := range raw {
		raw[i] = sign(box, pay.Cancel{Payment: pay.PaymentID{byte(i)}}).Raw()
	}
	for _, bad := range []int{0, 1, 2, 77, len(raw) - 1, len(raw)} { // the last: none
		m := wire.Push{Incarnation: pay.Incarnation{1}, First: 5}
		for i := range items {
			m.Items = append(m.Items, wire.PushItem{Facts: [][]byte{raw[2*i], raw[2*i+1]}})
		}
		for _, at := range []int{bad, bad + 9} {
			if at < len(raw) {
				forged := bytes.Clone(raw[at])
				forged[len(forged)-1] ^= 1
				m.Items[at/2].Facts[at%2] = forged
			}
		}
		got, err := paysync.OpenPush(box.Public(), m)
		if bad == len(raw) {
			if err != nil || len(got.Items) != items {
				t.Fatalf("all are right: %d items, %v", len(got.Items), err)
			}
			continue
		}
		if want := fmt.Sprintf("fact %d of item %d ", bad%2+1, 5+bad/2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("number %d is forged: %v", bad, err)
		}
	}
}

// TestOneRenewalInASession: each renewal leaves the incarnation before it in a row
// for ever. A node needs one when it has taken up what it lacks, and gets no more.
func TestOneRenewalInASession(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 2)
	var s paysync.ServerSession
	st := paysync.Standing{Known: true, Member: reg.members[testKey(3).ID()], Head: headOf(reg.epoch, feed), PingEvery: 2_000, Authority: reg.authority.Raw()}
	s.Step(time.Time{}, paysync.Received{Message: wire.Hello{Version: wire.VersionMax, Scope: testScope}})
	if got := s.Step(time.Time{}, paysync.Stood{Standing: st}); len(got) != 2 {
		t.Fatalf("the Welcome: %+v", got)
	}
	renew := wire.Renew{Next: pay.Incarnation{7}}
	first := s.Step(time.Time{}, paysync.Received{Message: renew})
	if len(first) != 1 || first[0] != (paysync.RenewHead{Renew: renew}) {
		t.Fatalf("the first renewal: %v", first)
	}
	s.Step(time.Time{}, paysync.HeadRenewed{Renew: renew, OK: true})
	again := s.Step(time.Time{}, paysync.Received{Message: wire.Renew{Next: pay.Incarnation{8}}})
	if len(again) != 1 {
		t.Fatalf("a second renewal: %v", again)
	}
	if end, ok := again[0].(paysync.End); !ok || pay.CodeOf(end.Err) != pay.CodeBadFact {
		t.Errorf("a second renewal: %v", again)
	}
}
