package paysync_test

import (
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// TestSessionOfAnOldCopy reads like transcripts of a node whose outbox does not fit.
func TestSessionOfAnOldCopy(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 4)
	box := newNode(3)
	box.publish(3)
	lost := newNode(3)
	lost.salt = 1
	lost.publish(4)
	next := pay.Incarnation{9}
	head := headOf(reg.epoch, feed)
	at := pay.Position{Incarnation: box.inc, Acked: 1, Last: 3, Chain: box.chainAt(1), Chained: true}
	registry := func(items ...pay.Item) (c pay.Chain) {
		for _, it := range items {
			c = c.Follow(idsOf(it.Facts))
		}
		return c
	}
	full := registry(box.items[0], lost.items[1], lost.items[2])
	welcome := func(s wire.OutboxStanding, applied uint64, chain pay.Chain) paysync.Event {
		return paysync.Received{Message: wire.Welcome{
			Version: wire.VersionMax, Resume: wire.ResumeOn, Head: head, Incarnation: box.inc, Applied: applied, Now: 1, PingEvery: 2_000,
			Authority: reg.authority.Raw(), Outbox: &wire.OutboxReply{Standing: s, Chain: chain},
		}}
	}
	got := func(m wire.Message) paysync.Event { return paysync.Received{Message: m} }
	recalled := func(first uint64, chain pay.Chain, items ...pay.Item) paysync.Event {
		m := wire.Recalled{First: first, Chain: chain}
		for _, it := range items {
			m.Items = append(m.Items, [][]byte{it.Facts[0].Raw()})
		}
		return got(m)
	}
	renewed := at
	renewed.Incarnation, renewed.Acked, renewed.Last, renewed.Chain = next, 3, 5, full
	revoke := sign(box.key, pay.Revoke{Created: 1})
	stranger := pay.Item{Facts: []pay.Fact{sign(testKey(9), pay.Cancel{Created: 1})}}
	unknown := at
	unknown.Chained, unknown.Chain = false, pay.Chain{}
	old := at
	old.Old = true

	for name, c := range map[string]struct {
		at    pay.Position
		steps []step
	}{
		"what it has to send was applied": {at, []step{
			{0, welcome(wire.OutboxOn, 3, box.chainAt(3)), "weigh"},
			{0, paysync.Weighed{Chain: box.chainAt(3), Known: true}, "wentup, openoutbox, acked 3 refused 0"},
		}},
		"as many others were applied": {at, []step{
			{0, welcome(wire.OutboxOn, 3, full), "weigh"},
			{0, got(entries(feed, 1, 2)), ""},
			{0, paysync.Weighed{Chain: box.chainAt(3), Known: true}, "noteoldcopy, Recall"},
			{0, got(entries(feed, 3, 4)), ""},
			{0, recalled(2, registry(box.items[0], lost.items[1]), lost.items[1]), "takeup"},
			{0, paysync.TookUp{}, "Recall"},
			{0, recalled(3, full, lost.items[2]), "takeup"},
			{0, paysync.TookUp{}, "Renew"},
			{0, got(wire.Renewed{Incarnation: next}), "renewoutbox"},
			{0, paysync.OutboxRenewed{Position: renewed}, "wentup, openoutbox, mirror 0+4"},
			{0, paysync.Opened{}, "outbox>3"},
		}},
		"nothing is lacking but the right to push": {at, []step{
			{0, welcome(wire.OutboxPast, 1, at.Chain), "noteoldcopy, Renew"},
			{0, got(wire.Renewed{Incarnation: next}), "renewoutbox"},
		}},
		"no answer to a recall": {at, []step{
			{0, welcome(wire.OutboxPast, 3, full), "noteoldcopy, Recall"},
			{31 * time.Second, paysync.Tick{Arrived: 1}, "end E_UNREACHABLE"},
		}},
		"a claim of somebody else comes back": {at, []step{
			{0, welcome(wire.OutboxPast, 3, full), "noteoldcopy, Recall"},
			{0, recalled(2, registry(box.items[0], stranger), stranger), "end E_BAD_FACT"},
		}},
		"the chain of what comes back is another": {at, []step{
			{0, welcome(wire.OutboxPast, 3, full), "noteoldcopy, Recall"},
			{0, recalled(2, full, lost.items[1]), "end E_BAD_FACT"},
		}},
		"more comes back than there is": {at, []step{
			{0, welcome(wire.OutboxPast, 2, full), "noteoldcopy, Recall"},
			{0, recalled(2, full, lost.items[1], lost.items[2]), "end E_BAD_FACT"},
		}},
		"a recall that was not asked for": {at, []step{
			{0, welcome(wire.OutboxOn, 1, at.Chain), "wentup, openoutbox"},
			{0, recalled(2, full, lost.items[1]), "end E_BAD_FACT"},
		}},
		"an Ack before it may push": {at, []step{
			{0, welcome(wire.OutboxPast, 3, full), "noteoldcopy, Recall"},
			{0, got(wire.Ack{Incarnation: box.inc, Applied: 3}), "end E_BAD_FACT"},
		}},
		"a fork": {at, []step{
			{0, welcome(wire.OutboxForked, 3, full), "noteoldcopy, readurgent"},
			{0, paysync.UrgentRead{}, "end E_OLD_COPY"},
		}},
		"a fork, and a revoke waits": {at, []step{
			{0, welcome(wire.OutboxForked, 3, full), "noteoldcopy, readurgent"},
			{0, paysync.UrgentRead{Facts: []pay.Fact{revoke}}, "Urgent"},
			{0, got(wire.Settled{}), "end E_OLD_COPY"},
		}},
		"a fork, and nobody takes the revoke": {at, []step{
			{0, welcome(wire.OutboxForked, 3, full), "noteoldcopy, readurgent"},
			{0, paysync.UrgentRead{Facts: []pay.Fact{revoke}}, "Urgent"},
			{11 * time.Second, paysync.Tick{}, "end E_OLD_COPY"},
		}},
		"another process is connected": {at, []step{
			{0, welcome(wire.OutboxRival, 3, full), "noteoldcopy, readurgent"},
			{0, paysync.UrgentRead{}, "end E_OLD_COPY"},
		}},
		"the registry was put back": {at, []step{
			{0, welcome(wire.OutboxBehind, 0, pay.Chain{}), "readurgent"},
			{0, paysync.UrgentRead{}, "end E_CONFLICT"},
		}},
		"the registry was put back, and is shown it": {at, []step{
			{0, welcome(wire.OutboxBehind, 0, pay.Chain{}), "readurgent"},
			{0, paysync.UrgentRead{Facts: []pay.Fact{revoke}, Last: feed[3]}, "Evidence, Urgent"},
			{0, got(wire.Settled{}), ""},
			{0, got(wire.Settled{}), "end E_CONFLICT"},
		}},
		"a standing of later": {at, []step{{0, welcome(99, 3, full), "noteoldcopy, readurgent"}}},
		"it knows no chain, and numbers fit": {unknown, []step{
			{0, welcome(wire.OutboxOn, 2, full), "wentup, openoutbox, acked 2 refused 0, notechain"},
		}},
		"it knows no chain, and must show it": {unknown, []step{{0, welcome(wire.OutboxPast, 3, full), "noteoldcopy, readurgent"}}},
		"it was an old copy":                  {old, []step{{0, welcome(wire.OutboxOn, 1, at.Chain), "wentup, openoutbox, noteoldcopy"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := paysync.NewClientSession(paysync.ClientIdentity{
				Scope: testScope, Key: box.key.Public(), Root: reg.root.ID(), Working: reg.working.Public(), Next: next,
			})
			run(t, s, append([]step{{0, paysync.Connected{Position: c.at}, "Hello"}}, c.steps...))
		})
	}
}

// TestStandingOfAnOutbox has every relation between the outbox of a Hello and what
// the registry holds of it.
func TestStandingOfAnOutbox(t *testing.T) {
	t.Parallel()
	reg := newRegistry()
	feed := feedOf(reg, 4)
	box := newNode(3)
	box.publish(4)
	head := headOf(reg.epoch, feed)
	other := pay.Incarnation{8}
	known := func(acked uint64) *wire.OutboxProof {
		return &wire.OutboxProof{Acked: acked, Known: true, Chain: box.chainAt(acked)}
	}
	for name, c := range map[string]struct {
		proof  *wire.OutboxProof
		change func(*paysync.Standing)
		want   wire.OutboxStanding
		then   string
	}{
		"in step":                          {known(3), nil, wire.OutboxOn, "Welcome 1, feed>4"},
		"acknowledgements were lost":       {known(1), nil, wire.OutboxOn, "Welcome 1, feed>4"},
		"it knows no chain":                {&wire.OutboxProof{Acked: 2}, nil, wire.OutboxOn, "Welcome 1, feed>4"},
		"nothing was pushed yet":           {known(0), func(s *paysync.Standing) { s.Pushed, s.Outbox = false, pay.OutboxHead{} }, wire.OutboxOn, "Welcome 1, feed>4"},
		"another incarnation may push":     {known(2), func(s *paysync.Standing) { s.Outbox.Incarnation = other }, wire.OutboxPast, "Welcome 1, feed>4"},
		"a new store with an old key":      {known(0), func(s *paysync.Standing) { s.Outbox.Incarnation = other }, wire.OutboxPast, "Welcome 1, feed>4"},
		"other claims are acknowledged":    {&wire.OutboxProof{Acked: 2, Known: true, Chain: pay.Chain{1}}, nil, wire.OutboxForked, "Welcome 1"},
		"another, and it knows no chain":   {&wire.OutboxProof{Acked: 2}, func(s *paysync.Standing) { s.Outbox.Incarnation = other }, wire.OutboxForked, "Welcome 1"},
		"another, and it cannot be shown":  {known(2), func(s *paysync.Standing) { s.Outbox.Incarnation, s.HasProof = other, false }, wire.OutboxForked, "Welcome 1"},
		"before what has chains":           {known(2), func(s *paysync.Standing) { s.HasProof = false }, wire.OutboxOn, "Welcome 1, feed>4"},
		"the registry holds fewer":         {known(4), func(s *paysync.Standing) { s.HasProof = false }, wire.OutboxBehind, "Welcome 1, noteputback"},
		"another process":                  {known(3), func(s *paysync.Standing) { s.Rival = true }, wire.OutboxRival, "Welcome 1"},
		"another process, whatever it has": {known(4), func(s *paysync.Standing) { s.Rival = true }, wire.OutboxRival, "Welcome 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := paysync.Standing{
				Known: true, Member: reg.members[box.key.ID()], Head: head, Chain: head.Cursor.Chain, HasChain: true, Now: 1, PingEvery: 2_000,
				Authority: reg.authority.Raw(), Applied: 3, Pushed: true, Outbox: pay.OutboxHead{Incarnation: box.inc, N: 3, Chain: box.chainAt(3)},
				HasProof: true,
			}
			if c.proof.Acked <= 3 {
				st.Proof = box.chainAt(c.proof.Acked)
			}
			if c.change != nil {
				c.change(&st)
			}
			s := &paysync.ServerSession{}
			hello := wire.Hello{Version: wire.VersionMax, Scope: testScope, Cursor: head.Cursor, Digest: head.Digest, Incarnation: box.inc, Last: 4, Outbox: c.proof}
			run(t, s, []step{{0, paysync.Received{Message: hello}, "look"}})
			effects := s.Step(start, paysync.Stood{Standing: st})
			if got := show(effects); got != c.then {
				t.Errorf("got %q, want %q", got, c.then)
			}
			if w := effects[0].(paysync.Send).Message.(wire.Welcome); w.Outbox == nil || w.Outbox.Standing != c.want || w.Applied != st.Outbox.N {
				t.Errorf("welcome %+v, want standing %d", w.Outbox, c.want)
			}
			pushed := show(s.Step(start, paysync.Pushed{Incarnation: box.inc, Items: box.items[3:4]}))
			if may := c.want == wire.OutboxOn && st.Outbox.N == 3; may != (pushed == "apply 4+1") {
				t.Errorf("a Push: %s", pushed)
			}
		})
	}
}

// TestDisagreementsAreTriedAgain has nodes that hold what their registry does not.
// They go on dialling, change nothing but what they say, and are served once the two
// agree.
func TestDisagreementsAreTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		head pay.Cursor
		want pay.ErrorCode
	}{
		"a node that is ahead": {pay.Cursor{Epoch: pay.Epoch([]byte(testEpoch)), Seq: 5, Chain: pay.Chain{1}}, pay.CodeConflict},
		"another epoch":        {pay.Cursor{Epoch: pay.Epoch{9}, Seq: 1, Chain: pay.Chain{1}}, pay.CodeConflict},
		"a fork":               {pay.Cursor{Epoch: pay.Epoch([]byte(testEpoch)), Seq: 1, Chain: pay.Chain{1}}, pay.CodeOldCopy},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				box := newNode(3)
				box.publish(3)
				w.reg.enlist(box.key)
				box.head = pay.Head{Cursor: c.head}
				client, leave := w.client(box)
				w.awaitState(client, func(s paysync.State) bool { return s.Refused == c.want })
				time.Sleep(time.Hour)
				if s := client.State(); s.Up || s.Refused != c.want {
					t.Errorf("an hour later: %+v", s)
				}
				before := box.position()
				before.Old = false
				if got := box.position(); got != before && c.want != pay.CodeOldCopy || got.Head.Cursor != c.head || got.Acked != 0 {
					t.Errorf("the node's store changed: %+v", got)
				}
				_, lost := w.reg.putBack[box.key.ID()]
				if lost != (name != "another epoch") {
					t.Errorf("the registry keeps evidence: %v", lost)
				}
				box.mu.Lock()
				box.head = pay.Head{}
				box.mu.Unlock()
				w.awaitState(client, isUp)
				w.awaitStep(box)
				quit(t, leave)
			})
		})
	}
}

// TestSecondProcessIsTold runs two processes with one key. The first is served and
// told; the second is refused until the first leaves.
func TestSecondProcessIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		twin := box.copied()
		first, leaveFirst := w.client(box)
		w.awaitState(first, isUp)
		second, leaveSecond := w.anotherProcess(twin)
		w.awaitState(second, func(s paysync.State) bool { return s.Refused == pay.CodeOldCopy })
		w.awaitState(first, func(s paysync.State) bool { return s.Up && !s.Rival.IsZero() })
		if r := w.server.Rivals(); len(r) != 1 || r[box.key.ID()].Since.IsZero() {
			t.Errorf("rivals %+v", r)
		}
		box.publish(2)
		w.awaitStep(box)
		time.Sleep(time.Hour)
		if s := first.State(); !s.Up {
			t.Errorf("the first: %+v", s)
		}
		quit(t, leaveFirst)
		w.awaitState(second, isUp)
		w.awaitStep(twin)
		if twin.taken != 2 || twin.old != nil {
			t.Errorf("%d items were taken up, old %v", twin.taken, twin.old)
		}
		quit(t, leaveSecond)
		time.Sleep(paysync.RivalMemory + time.Minute)
		if r := w.server.Rivals(); len(r) != 0 {
			t.Errorf("rivals %+v", r)
		}
	})
}
