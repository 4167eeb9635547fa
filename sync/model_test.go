package paysync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
	"pgregory.net/rapid"
)

// model is a node and a registry with a line between them that may break at any
// moment. Sessions, messages under way and effects that were not carried out
// are lost then; the stores are not.
type model struct {
	reg *registry
	box *node
	now time.Time

	up        bool
	client    *paysync.ClientSession
	server    *paysync.ServerSession
	atNode    *paysync.NodeEffects
	atServer  paysync.RegistryEffects
	toServer  [][]byte
	toClient  [][]byte
	clientDue []paysync.Effect
	serverDue []paysync.Effect

	ends     func(*pay.Error) bool         // whether the node may end a session so; nil: never
	identity func(*paysync.ClientIdentity) // changes what a session begins with; nil: nothing
	rival    func() bool                   // whether another process is connected; nil: never
	older    bool                          // one side compares numbers only
}

func newModel() *model {
	m := &model{reg: newRegistry(), box: newNode(3), now: start}
	m.reg.enlist(m.box.key)
	return m
}

func (m *model) cut() {
	m.up = false
	m.toServer, m.toClient, m.clientDue, m.serverDue = nil, nil, nil, nil
	if m.atNode != nil {
		m.atNode.Close()
	}
}

func (m *model) connect() {
	if m.up {
		return
	}
	m.up = true
	id := paysync.ClientIdentity{
		Scope: testScope, Root: m.reg.root.ID(), Key: m.box.key.Public(), Working: m.reg.working.Public(), Next: pay.Incarnation{0xfe},
	}
	if m.identity != nil {
		m.identity(&id)
	}
	m.client = paysync.NewClientSession(id)
	m.server = &paysync.ServerSession{}
	m.atNode = paysync.NewNodeEffects(m.box)
	m.atServer = paysync.RegistryEffects{
		Hub: m.reg, Node: m.box.key.ID(), PingEvery: func() pay.Millis { return 2_000 }, Authority: m.reg.authority.Raw(),
	}
	m.atServer.Rival = m.rival != nil && m.rival()
	m.clientDue = m.client.Step(m.now, paysync.Connected{Position: m.box.position()})
}

// tell gives the client what happened at its side.
func (m *model) tell(e paysync.Event) { m.clientDue = append(m.clientDue, m.client.Step(m.now, e)...) }

func (m *model) tellServer(e paysync.Event) {
	m.serverDue = append(m.serverDue, m.server.Step(m.now, e)...)
}

// clientWork carries out one effect at the node. With crash, the line breaks
// after the store has done its part and before anybody hears of it.
func (m *model) clientWork(t fataler, crash bool) {
	if len(m.clientDue) == 0 {
		return
	}
	effect := m.clientDue[0]
	m.clientDue = m.clientDue[1:]
	var after paysync.Event
	switch e := effect.(type) {
	case paysync.Send:
		if _, ok := e.Message.(wire.Push); ok && !m.box.isOpen {
			t.Fatalf("pushed before the store knew of the session")
		}
		m.toServer = append(m.toServer, wire.Append(nil, e.Message))
	case paysync.WentUp:
	case paysync.End:
		if m.ends != nil && m.ends(e.Err) {
			m.cut()
			return
		}
		t.Fatalf("the node ended a sound session: %v", e.Err)
	default:
		var err error
		if after, err = m.atNode.Do(context.Background(), effect); err != nil {
			t.Fatalf("node: %v", err)
		}
	}
	switch {
	case crash:
		m.cut()
	case after != nil:
		m.tell(after)
	}
}

func (m *model) serverWork(t fataler, crash bool) {
	if len(m.serverDue) == 0 {
		return
	}
	effect := m.serverDue[0]
	m.serverDue = m.serverDue[1:]
	var after paysync.Event
	switch e := effect.(type) {
	case paysync.Send:
		m.toClient = append(m.toClient, wire.Append(nil, e.Message))
	case paysync.End:
		if m.ends != nil && m.ends(e.Err) {
			m.cut()
			return
		}
		t.Fatalf("the registry ended a sound session: %v", e.Err)
	default:
		var err error
		if after, err = m.atServer.Do(context.Background(), effect); err != nil {
			var known *pay.Error
			if m.ends != nil && errors.As(err, &known) && m.ends(known) {
				m.cut()
				return
			}
			t.Fatalf("registry: %v", err)
		}
	}
	switch {
	case crash:
		m.cut()
	case after != nil:
		m.tellServer(after)
	}
}

func (m *model) deliverToServer(t fataler) {
	if len(m.toServer) == 0 {
		return
	}
	msg := decode(t, m.toServer[0])
	if m.older {
		msg = without(msg)
	}
	m.toServer = m.toServer[1:]
	if push, ok := msg.(wire.Push); ok {
		pushed, err := paysync.OpenPush(m.box.key.Public(), push)
		if err != nil {
			t.Fatalf("%v", err)
		}
		m.tellServer(pushed)
		return
	}
	if ping, ok := msg.(wire.Ping); ok {
		m.tellServer(paysync.Pinged{Nonce: ping.Nonce, PingEvery: 2_000})
		return
	}
	m.tellServer(paysync.Received{Message: msg})
}

// deliverToClient hands over one message, unless the node's reader has something to
// do in the store: it does nothing else meanwhile.
func (m *model) deliverToClient(t fataler) {
	waiting := slices.ContainsFunc(m.clientDue, func(e paysync.Effect) bool {
		switch e.(type) {
		case paysync.MirrorEntries, paysync.Weigh, paysync.TakeUp, paysync.RenewOutbox, paysync.ReadUrgent, paysync.NoteOldCopy:
			return true
		default:
			return false
		}
	})
	if len(m.toClient) == 0 || waiting {
		return
	}
	msg := decode(t, m.toClient[0])
	m.toClient = m.toClient[1:]
	m.tell(paysync.Received{Message: msg})
}

type fataler interface{ Fatalf(string, ...any) }

func decode(t fataler, frame []byte) wire.Message {
	msg, err := wire.ReadMessage(bytes.NewReader(frame), pay.FrameBytesMax)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return msg
}

// settle runs everything that is due until nothing is.
func (m *model) settle(t fataler) {
	for rounds := 0; ; rounds++ {
		if rounds > 100_000 {
			t.Fatalf("the sessions never come to rest")
		}
		busy := len(m.clientDue)+len(m.serverDue)+len(m.toClient)+len(m.toServer) > 0
		if !busy {
			if !m.up || m.client.Wake().After(m.now.Add(time.Second)) {
				return
			}
			if m.now = later(m.now, m.client.Wake()); m.client.Wake().IsZero() {
				return
			}
			m.tell(paysync.Tick{})
			continue
		}
		m.clientWork(t, false)
		m.serverWork(t, false)
		m.deliverToServer(t)
		m.deliverToClient(t)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// check returns what must never happen, at any moment.
func (m *model) check() error {
	var published []pay.FactID
	for _, item := range m.box.items {
		published = append(published, item.Facts[0].ID())
	}
	applied := m.reg.facts[m.box.key.ID()]
	if len(applied) > len(published) || !slices.Equal(applied, published[:len(applied)]) {
		return fmt.Errorf("registry applied %d facts that are not the first the node published", len(applied))
	}
	if m.box.acked > uint64(len(applied)) {
		return fmt.Errorf("item %d is acknowledged, %d are applied", m.box.acked, len(applied))
	}
	feed := m.reg.feeds[testScope]
	for i, e := range m.box.entries {
		if i >= len(feed) || e.ID() != feed[i].ID() {
			return fmt.Errorf("entry %d at the node is not the registry's", i+1)
		}
	}
	for n := range m.box.refused {
		if n%7 != 0 {
			return fmt.Errorf("item %d counts as refused", n)
		}
	}
	return nil
}

func TestWhateverBreaksNodeAndRegistryAgreeInTheEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		some := rapid.IntRange(1, 20)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				m.box.publish(some.Draw(t, "items"))
				if m.up {
					m.tell(paysync.Changed{})
				}
			},
			"post": func(t *rapid.T) {
				m.reg.post(some.Draw(t, "entries"))
				if m.up {
					m.tellServer(paysync.Grown{})
				}
			},
			"connect":          func(*rapid.T) { m.connect() },
			"cut":              func(*rapid.T) { m.cut() },
			"node works":       func(t *rapid.T) { m.clientWork(t, false) },
			"registry works":   func(t *rapid.T) { m.serverWork(t, false) },
			"node crashes":     func(t *rapid.T) { m.clientWork(t, true) },
			"registry crashes": func(t *rapid.T) { m.serverWork(t, true) },
			"up goes a frame":  func(t *rapid.T) { m.deliverToServer(t) },
			"down goes one":    func(t *rapid.T) { m.deliverToClient(t) },
			"all is quiet":     func(t *rapid.T) { m.settle(t) },
			"": func(t *rapid.T) {
				if err := m.check(); err != nil {
					t.Fatal(err)
				}
			},
		})
		m.cut()
		m.connect()
		m.settle(t)
		m.tellServer(paysync.Grown{})
		m.settle(t)
		if err := m.check(); err != nil {
			t.Fatal(err)
		}
		if err := inStep(m.box, m.reg); err != nil {
			t.Fatal(err)
		}
	})
}
