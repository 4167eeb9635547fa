package paysync_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
	"pgregory.net/rapid"
)

// copies is a registry and copies of one node's data directory, each taken at any
// moment of another's life. Their lines break at any moment.
type copies struct {
	reg   *registry
	lines []*model
	next  byte
}

func newCopies() *copies {
	first := newModel()
	c := &copies{reg: first.reg, lines: []*model{first}}
	c.ready(first)
	return c
}

// ready makes a line one of several: a session that steps aside ends, and the line
// is cut.
func (c *copies) ready(m *model) {
	m.ends = func(err *pay.Error) bool { return err.Code == pay.CodeOldCopy }
	m.identity = func(id *paysync.ClientIdentity) {
		c.next++
		id.Next = pay.Incarnation{0xff, c.next}
	}
	m.rival = func() bool {
		return slices.ContainsFunc(c.lines, func(o *model) bool { return o != m && o.up })
	}
}

func (c *copies) copyOf(m *model) {
	box := m.box.copied()
	box.salt = byte(len(c.lines))
	line := &model{reg: c.reg, box: box, now: start}
	c.ready(line)
	c.lines = append(c.lines, line)
}

// check returns what must never happen, at any moment.
func (c *copies) check() error {
	var held [][]pay.Fact
	if o := c.reg.outboxes[c.lines[0].box.key.ID()]; o != nil {
		held = o.items
	}
	seen := map[pay.FactID]bool{}
	for n, facts := range held {
		if seen[facts[0].ID()] {
			return fmt.Errorf("item %d was applied before", n+1)
		}
		seen[facts[0].ID()] = true
	}
	for i, m := range c.lines {
		if m.box.acked > uint64(len(held)) {
			return fmt.Errorf("copy %d: %d items are acknowledged, %d applied", i, m.box.acked, len(held))
		}
		for n, item := range m.box.items[:m.box.acked] {
			if !slices.Equal(idsOf(item.Facts), idsOf(held[n])) {
				return fmt.Errorf("copy %d: item %d counts as acknowledged, and the registry holds another", i, n+1)
			}
		}
		for n, e := range m.box.entries {
			if e.ID() != c.reg.feeds[testScope][n].ID() {
				return fmt.Errorf("copy %d: entry %d is not the registry's", i, n+1)
			}
		}
	}
	return nil
}

// settle connects one copy after the other, until all hold the same.
func (c *copies) settle(t fataler) {
	for range 2 {
		for _, m := range c.lines {
			for _, other := range c.lines {
				other.cut()
			}
			m.connect()
			m.settle(t)
			m.tellServer(paysync.Grown{})
			m.settle(t)
		}
	}
}

// TestCopiesOfANodeLoseNothing has copies of a node, taken at any moment, publish and
// connect in any order. Each claim of each of them is applied once, and none counts
// as acknowledged that the registry does not hold.
func TestCopiesOfANodeLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newCopies()
		some := rapid.IntRange(1, 5)
		line := func(t *rapid.T) *model { return rapid.SampledFrom(c.lines).Draw(t, "line") }
		t.Repeat(map[string]func(*rapid.T){
			"copy": func(t *rapid.T) {
				if len(c.lines) < 4 {
					c.copyOf(line(t))
				}
			},
			"publish": func(t *rapid.T) {
				m := line(t)
				m.box.publish(some.Draw(t, "items"))
				if m.up {
					m.tell(paysync.Changed{})
				}
			},
			"post": func(t *rapid.T) {
				c.reg.post(some.Draw(t, "entries"))
				for _, m := range c.lines {
					if m.up {
						m.tellServer(paysync.Grown{})
					}
				}
			},
			"connect":        func(t *rapid.T) { line(t).connect() },
			"cut":            func(t *rapid.T) { line(t).cut() },
			"work":           func(t *rapid.T) { m := line(t); m.clientWork(t, false); m.serverWork(t, false) },
			"node crashes":   func(t *rapid.T) { line(t).clientWork(t, true) },
			"server crashes": func(t *rapid.T) { line(t).serverWork(t, true) },
			"frames":         func(t *rapid.T) { m := line(t); m.deliverToServer(t); m.deliverToClient(t) },
			"all is quiet":   func(t *rapid.T) { line(t).settle(t) },
			"": func(t *rapid.T) {
				if err := c.check(); err != nil {
					t.Fatal(err)
				}
			},
		})
		c.settle(t)
		if err := c.check(); err != nil {
			t.Fatal(err)
		}
		held := c.reg.outboxes[c.lines[0].box.key.ID()]
		for i, m := range c.lines {
			if held != nil && (len(held.items) != len(m.box.items) || m.box.acked != uint64(len(m.box.items))) {
				t.Fatalf("copy %d has %d items, %d acknowledged; the registry holds %d", i, len(m.box.items), m.box.acked, len(held.items))
			}
			if m.box.old != nil {
				t.Fatalf("copy %d still says that it is old: %s", i, m.box.old.Why)
			}
			if m.box.head != c.reg.head(testScope) {
				t.Fatalf("copy %d has %d entries", i, m.box.head.Cursor.Seq)
			}
		}
	})
}

// TestOlderPeersCompareNumbers has one side that knows no chains, and takes turns
// with a newer one: nothing is taken for an old copy that is none.
func TestOlderPeersCompareNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		some := rapid.IntRange(1, 5)
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				m.box.publish(some.Draw(t, "items"))
				if m.up {
					m.tell(paysync.Changed{})
				}
			},
			"connect": func(t *rapid.T) {
				if !m.up {
					m.older = rapid.Bool().Draw(t, "older")
				}
				m.connect()
			},
			"cut":            func(*rapid.T) { m.cut() },
			"work":           func(t *rapid.T) { m.clientWork(t, false); m.serverWork(t, false) },
			"node crashes":   func(t *rapid.T) { m.clientWork(t, true) },
			"server crashes": func(t *rapid.T) { m.serverWork(t, true) },
			"frames":         func(t *rapid.T) { m.deliverToServer(t); m.deliverToClient(t) },
			"all is quiet":   func(t *rapid.T) { m.settle(t) },
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
		if err := inStep(m.box, m.reg); err != nil {
			t.Fatal(err)
		}
		if m.box.old != nil {
			t.Fatalf("says that it is an old copy: %s", m.box.old.Why)
		}
	})
}

// without returns a message as a node that knows no chains writes it, and as a
// registry that knows none reads it: a Welcome without them follows.
func without(m wire.Message) wire.Message {
	if hello, ok := m.(wire.Hello); ok {
		hello.Outbox, hello.Holder = nil, wire.Holder{}
		return hello
	}
	return m
}
