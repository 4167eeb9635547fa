package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// formatVersion is the layout of this program. A store with a higher one was
// written by a newer program and is left alone.
//
//	1   the first
//	2   spaces j, l and x, meta row n; deadlines name a subject, and those of
//	    format 1, which name a payment, are still read
//	3   meta row b: a store gets it when it first runs where the machine says
//	    which boot it is
//	4   spaces b, p and u, meta row y; the outbox position and the rows of space a
//	    hold a chain, and those of older formats are still read
//	5   the row of a fact holds its places; entries, applied items, rows of the log and
//	    outbox items share rows; those of older formats are still read
const formatVersion = 5

// The rows of the meta space, by the byte after the space.
const (
	metaFormat  = 'f' // version 4
	metaOwn     = 's' // the scope that Options.Own named when the store was made
	metaEpoch   = 'e' // epoch 8: the registry's own, or that of a node's mirror
	metaClock   = 'c' // moment
	metaOutbox  = 'o' // outboxState, with the newest outbox items
	metaNumbers = 'n' // numbers
	metaBoot    = 'b' // reference in CBOR; absent until the store has run once
	metaOldCopy = 'y' // oldCopyRow; there only while the node is an old copy
)

func metaKey(buf []byte, name byte) []byte { return append(buf, spaceMeta, name) }

// keptMeta is what Open needs of the meta rows.
type keptMeta struct {
	found     bool
	format    uint32
	own       pay.Scope
	epoch     pay.Epoch
	moment    moment
	reference reference
	outbox    outboxState
}

// newMeta returns the meta rows of a store that is being made. A node has no
// epoch until it mirrors the registry's.
func newMeta(own pay.Scope, random io.Reader) (keptMeta, error) {
	var draw [16]byte
	if _, err := io.ReadFull(random, draw[:]); err != nil {
		return keptMeta{}, fmt.Errorf("draw epoch and incarnation: %w", err)
	}
	m := keptMeta{own: own, outbox: outboxState{inc: pay.Incarnation(draw[:8]), chained: true}}
	if own == pay.ScopeRegistry {
		m.epoch = pay.Epoch(draw[8:])
	}
	m.format = formatVersion
	return m, nil
}

// readMeta reads the meta rows. The format comes first: of a newer one nothing
// else is understood.
func (v *View) readMeta(own pay.Scope) (m keptMeta, err error) {
	version, err := v.format()
	if err != nil || version == 0 {
		return m, err
	}
	if version > formatVersion {
		return m, pay.NewError(pay.CodeNewerData,
			fmt.Sprintf("the data is in format %d, and this program knows formats up to %d", version, formatVersion),
			"run the newer program that wrote it, or restore a backup made before the upgrade; nothing was changed")
	}
	m.found, m.format = true, version
	raw, err := v.meta(metaOwn)
	if err != nil {
		return m, err
	}
	if m.own = pay.Scope(raw); m.own != own {
		return m, pay.NewError(pay.CodeConfig, fmt.Sprintf("the data belongs to scope %q, not to %q", string(m.own), string(own)),
			"name the data directory of this node")
	}
	if m.epoch, err = v.epoch(); err != nil {
		return m, err
	}
	if m.moment, err = v.moment(); err != nil {
		return m, err
	}
	if m.reference, err = v.reference(); err != nil {
		return m, err
	}
	m.outbox, err = v.outboxState()
	return m, err
}

// format returns the format of the store, 0 for an empty engine.
func (v *View) format() (uint32, error) {
	key := metaKey(nil, metaFormat)
	raw, ok, err := v.get(key)
	switch {
	case err != nil:
		return 0, err
	case ok && len(raw) != 4:
		return 0, damaged(key, "format version")
	case ok && binary.BigEndian.Uint32(raw) == 0:
		return 0, damaged(key, "format version")
	case ok:
		return binary.BigEndian.Uint32(raw), nil
	}
	empty := true
	err = v.r.Scan(nil, nil, 1, func([]byte, []byte) bool {
		empty = false
		return false
	})
	if err == nil && !empty {
		return 0, fmt.Errorf("rows without a format version: %w", ErrDamaged)
	}
	return 0, err
}

// writeMeta writes the rows of a new store, and the clock of any: an age that
// this process has given must not shrink in the next.
func (s *Store) writeMeta(ctx context.Context, m keptMeta) error {
	now := s.clock.moment()
	return s.engine.Update(ctx, func(w kv.Tx) error {
		tx := newTx(s, &batch{moment: now}, w)
		for _, row := range []struct {
			name  byte
			write bool
			value []byte
		}{
			{metaFormat, !m.found, binary.BigEndian.AppendUint32(nil, formatVersion)},
			{metaNumbers, !m.found, numbers{}.encode()},
			{metaOwn, !m.found, []byte(m.own)},
			{metaEpoch, !m.found, m.epoch[:]},
			{metaOutbox, !m.found, m.outbox.encode()},
			{metaClock, true, now.encode()},
		} {
			if !row.write {
				continue
			}
			if err := tx.putMeta(row.name, row.value); err != nil {
				return err
			}
		}
		return nil
	})
}

// upgrade writes the rows that a store of an older format lacks. From then on
// older programs leave it alone.
func (s *Store) upgrade(ctx context.Context, m moment) error {
	format := s.format.Load()
	if format == formatVersion {
		return nil
	}
	err := s.engine.Update(ctx, func(w kv.Tx) error {
		tx := newTx(s, &batch{moment: m}, w)
		if format < 2 {
			if err := tx.putMeta(metaNumbers, numbers{}.encode()); err != nil {
				return err
			}
		}
		return tx.putMeta(metaFormat, binary.BigEndian.AppendUint32(nil, formatVersion))
	})
	if err == nil {
		s.format.Store(formatVersion)
	}
	return err
}

// putReference writes the clock's reference.
func (tx *Tx) putReference(ref reference) error {
	tx.refWritten = &ref
	return tx.putMeta(metaBoot, pay.Encode(ref))
}

func (v *View) meta(name byte) ([]byte, error) {
	v.key = metaKey(v.key[:0], name)
	raw, ok, err := v.get(v.key)
	if err == nil && !ok {
		err = damaged(metaKey(nil, name), "absence")
	}
	return raw, v.broken(err)
}

// badMeta returns the error for a meta row whose value does not have its form.
func (v *View) badMeta(name byte, what string) error {
	return v.broken(damaged(metaKey(nil, name), what))
}

func (tx *Tx) putMeta(name byte, value []byte) error {
	tx.key = metaKey(tx.key[:0], name)
	return tx.put(tx.key, value)
}

// epoch returns the epoch of the history that this store holds, zero on a node
// that has mirrored nothing yet.
func (v *View) epoch() (e pay.Epoch, err error) {
	raw, err := v.meta(metaEpoch)
	if err != nil {
		return e, err
	}
	if len(raw) != len(e) {
		return e, v.badMeta(metaEpoch, "epoch")
	}
	return pay.Epoch(raw), nil
}

func (v *View) moment() (moment, error) {
	raw, err := v.meta(metaClock)
	if err != nil {
		return moment{}, err
	}
	m, ok := decodeMoment(raw)
	if !ok {
		return m, v.badMeta(metaClock, "clock")
	}
	return m, nil
}

// reference returns the clock's reference, zero where the store has none: an
// older program wrote it.
func (v *View) reference() (reference, error) {
	v.key = metaKey(v.key[:0], metaBoot)
	raw, ok, err := v.get(v.key)
	if err != nil || !ok {
		return reference{}, v.broken(err)
	}
	f, err := decodeReference(raw)
	if err != nil {
		return f, v.badMeta(metaBoot, "clock's reference")
	}
	return f, nil
}
