package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Mark is how far a registry's store had come: what came after can be verified by
// itself. It is never changed.
type Mark struct {
	Format uint32     `cbor:"1,keyasint"`
	Epoch  pay.Epoch  `cbor:"2,keyasint"`
	Log    uint64     `cbor:"3,keyasint"` // the last row of the log
	Head   pay.FactID `cbor:"4,keyasint"` // the fact that it names
	// Sent is how far the outbox of each node was applied, one after the other because
	// there are many: node 32, first incarnation of the numbering 8, n 8, chain 32.
	Sent []byte `cbor:"5,keyasint,omitempty"`
}

// ErrMark means that a store has not grown from what a Mark says: it is another
// history or an older copy.
var ErrMark = errors.New("store: it has not grown from where it is said to have been")

// Mark returns how far the store of a registry has come.
func (v *View) Mark() (m Mark, err error) {
	if m.Format, err = v.format(); err == nil {
		m.Epoch, m.Log, err = v.LogEnd()
	}
	if err == nil {
		m.Head, err = v.headAt(m.Log)
	}
	if err != nil {
		return m, err
	}
	err = v.scanSpace(spaceApplied, func(key, value []byte) error {
		row, ok := decodeApplied(value)
		if !ok || len(key) != 1+idBytes {
			return damaged(key, "applied number")
		}
		m.Sent = binary.BigEndian.AppendUint64(append(append(m.Sent, key[1:]...), row.line[:]...), row.n)
		m.Sent = append(m.Sent, row.chain[:]...)
		return nil
	})
	return m, err
}

// headAt returns the fact that a row of the log names, zeros when there is none.
func (v *View) headAt(seq uint64) (id pay.FactID, err error) {
	if seq == 0 {
		return id, nil
	}
	err = v.Log(seq-1, 1, func(_ uint64, f pay.Fact) error {
		id = f.ID()
		return nil
	})
	return id, err
}

// sentBytes is the length of what a Mark says of one node.
const sentBytes = idBytes + 8 + seqBytes + idBytes

// sentMark is how far the outbox of a node was applied.
type sentMark struct {
	line  pay.Incarnation
	n     uint64
	chain pay.Chain
}

// sent returns what the mark says of each node; ok is false when it is none.
func (m Mark) sent() (rows map[pay.NodeID]sentMark, ok bool) {
	rows = make(map[pay.NodeID]sentMark)
	rest := m.Sent
	for ; len(rest) >= sentBytes; rest = rest[sentBytes:] {
		of := rest[idBytes:]
		rows[pay.NodeID(rest)] = sentMark{pay.Incarnation(of), binary.BigEndian.Uint64(of[8:]), pay.Chain(of[16:])}
	}
	return rows, len(rest) == 0
}

// VerifySince verifies what came after a mark: the facts that were published, with
// their signatures and places, the links of the feeds' chains there and the heads that
// they led to; and what nodes sent, with its chains. It calls fresh for each
// published fact. Rows of before are read where the new ones lead to them and not
// else. Its error wraps ErrMark or ErrDamaged for the first thing that is wrong; any
// other is that of Verify.
func (v *View) VerifySince(ctx context.Context, m Mark, o VerifyOptions, fresh func(pay.Fact) error) error {
	now, err := v.Mark()
	if err != nil {
		return fmt.Errorf("verify store: %w", err)
	}
	head, err := v.headAt(m.Log)
	switch {
	case err != nil:
		return fmt.Errorf("verify store: %w", err)
	case m.Format != now.Format || m.Epoch != now.Epoch || m.Log > now.Log || head != m.Head:
		return fmt.Errorf("verify store: %w", ErrMark)
	}
	o.Progress = nil
	s := &sinceWalk{audit: &audit{v: v, VerifyOptions: o}, grown: make(map[pay.Scope]feedRow)}
	defer s.startWorkers()()
	for _, part := range []func() error{
		func() error { s.begin(); return nil },
		func() error { return s.published(ctx, m.Log, now.Log, fresh) },
		func() error { return s.sent(ctx, m, now) },
		s.heads,
	} {
		s.blame(part())
		s.facts.flush(0)
		if err := s.sound(); err != nil {
			return fmt.Errorf("verify store: %w", err)
		}
	}
	return nil
}

// sinceWalk is a walk over what came after a mark.
type sinceWalk struct {
	*audit
	grown map[pay.Scope]feedRow // the feeds that have
}

// sound returns why the walk is not to go on: an error, or the first finding.
func (s *sinceWalk) sound() error {
	if s.failed != nil || len(s.found) == 0 {
		return s.failed
	}
	return fmt.Errorf("%s: %w", s.found[0], ErrDamaged)
}

// published checks the rows of the log from after one to another.
func (s *sinceWalk) published(ctx context.Context, after, last uint64, fresh func(pay.Fact) error) error {
	n := after
	err := s.v.Log(after, 0, func(seq uint64, f pay.Fact) error {
		n = seq
		s.pause()
		s.facts.add(idKey(nil, spaceFact, f.ID()), f.Raw())
		if err := errors.Join(ctx.Err(), s.places(f.ID()), s.failed); err != nil {
			return err
		}
		return fresh(f)
	})
	if err == nil && n != last {
		err = finding("the log ends at row %d and should at row %d", n, last)
	}
	return err
}

// places checks all places of a fact, and that the chains there follow.
func (s *sinceWalk) places(id pay.FactID) error {
	row, err := s.v.fact(id)
	if err != nil {
		return err
	}
	for at := range row.inFeeds() {
		if err := s.link(id, at); err != nil {
			return err
		}
	}
	from := idKey(nil, spaceIndex, id)
	return s.v.scan(from, append(idKey(nil, spaceIndex, id), 0xff), 0, func(key, value []byte) error {
		if err := s.place(key, value); err != nil {
			return err
		}
		_, err := s.feed(pay.Scope(key[1+idBytes:]))
		return err
	})
}

// feed returns where the entries of a feed stand that has grown.
func (s *sinceWalk) feed(scope pay.Scope) (_ series, err error) {
	f, known := s.grown[scope]
	if !known {
		f, err = s.v.feedRow(scope)
		s.grown[scope] = f
	}
	return f.entries(scope), err
}

// link checks that a fact is where it is said to be, and that the chain follows there.
func (s *sinceWalk) link(id pay.FactID, at place) error {
	feed, err := s.feed(at.scope)
	if err != nil {
		return err
	}
	have, chain, ok, err := s.v.entry(feed, at.n)
	before := feedState{seq: at.n - 1}
	if err == nil && at.n > 1 {
		_, before.chain, _, err = s.v.entry(feed, at.n-1)
	}
	if err == nil && (!ok || have != id || before.add(id).chain != chain) {
		err = finding("feed %s: the chain at entry %d does not follow", at.scope, at.n)
	}
	return err
}

// heads checks that each feed which has grown ends where its head says.
func (s *sinceWalk) heads() error {
	for scope, head := range s.grown {
		_, chain, ok, err := s.v.entry(head.entries(scope), head.seq)
		more := false
		if err == nil {
			_, more, err = s.v.find(head.entries(scope), head.seq+1)
		}
		if err != nil {
			return err
		}
		if !ok || chain != head.chain || more {
			return finding("feed %s: it does not end at entry %d, as its head says", scope, head.seq)
		}
	}
	return nil
}

// sent checks what nodes sent after a mark.
func (s *sinceWalk) sent(ctx context.Context, m, now Mark) error {
	then, ok1 := m.sent()
	rows, ok2 := now.sent()
	if !ok1 || !ok2 {
		return finding("how far outboxes were applied cannot be read")
	}
	for node, end := range rows {
		before := then[node]
		if delete(then, node); before.line != end.line {
			before = sentMark{} // it was numbered anew
		}
		if before.n > end.n || before.n == end.n && before.chain != end.chain {
			return fmt.Errorf("outbox of %s: %w", node.Short(), ErrMark)
		}
		if err := s.items(ctx, node, before, end.n); err != nil {
			return err
		}
	}
	if len(then) > 0 {
		return fmt.Errorf("%d outboxes are gone: %w", len(then), ErrMark)
	}
	return nil
}

// items checks the applied items of a node's outbox after a mark, up to number last.
func (s *sinceWalk) items(ctx context.Context, node pay.NodeID, before sentMark, last uint64) error {
	row, _, err := s.v.applied(node)
	if err != nil {
		return err
	}
	chain := before.chain
	err = s.v.walk(row.kept(node), before.n, 0, func(n uint64, item []byte, next pay.Chain) error {
		ids := idsOf(item[keptHead:])
		if chain = chain.Follow(ids); chain != next {
			return finding("node %s: the chain at outbox item %d does not follow", node.Short(), n)
		}
		return s.claims(ctx, node, ids)
	})
	if err == nil && chain != row.chain {
		err = finding("node %s: outbox item %d is not the one that is kept", node.Short(), last)
	}
	return err
}

// claims checks the facts of an item.
func (s *sinceWalk) claims(ctx context.Context, node pay.NodeID, ids []pay.FactID) error {
	s.pause()
	for _, id := range ids {
		f, err := s.v.namedFact(id, "node %s: fact %s of its outbox is missing", node.Short(), id)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		s.facts.add(idKey(nil, spaceFact, id), f.raw)
	}
	return nil
}
