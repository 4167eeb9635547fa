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
	format    uint32 // 0 when there is no store yet
	epoch     pay.Epoch
	moment    moment
	reference reference
	outbox    outboxState
}

// newMeta returns the meta rows of a store that is being made. A node has no
// epoch until it mirrors the registry's.
func newMeta(own pay.Scope, random io.Reader) (m keptMeta, err error) {
	var draw [16]byte
	if _, err := io.ReadFull(random, draw[:]); err != nil {
		return m, fmt.Errorf("draw epoch and incarnation: %w", err)
	}
	m.format, m.outbox = formatVersion, outboxState{inc: pay.Incarnation(draw[:8]), chained: true}
	if own == pay.ScopeRegistry {
		m.epoch = pay.Epoch(draw[8:])
	}
	return m, nil
}

// readMeta reads the meta rows. The format comes first: of a newer one nothing
// else is understood.
func (v *View) readMeta(own pay.Scope) (m keptMeta, err error) {
	if m.format, err = v.format(); err != nil || m.format == 0 {
		return m, err
	}
	if m.format > formatVersion {
		return m, pay.NewError(pay.CodeNewerData,
			fmt.Sprintf("the data is in format %d, and this program knows formats up to %d", m.format, formatVersion),
			"run the newer program that wrote it, or restore a backup made before the upgrade; nothing was changed")
	}
	kept, err := mustMeta(v, metaOwn, "scope", func(raw []byte) (pay.Scope, bool) { return pay.Scope(raw), true })
	if err == nil && kept != own {
		err = pay.NewError(pay.CodeConfig, fmt.Sprintf("the data belongs to scope %q, not to %q", string(kept), string(own)),
			"name the data directory of this node")
	}
	if err == nil {
		m.epoch, err = v.epoch()
	}
	if err == nil {
		m.moment, err = v.moment()
	}
	if err == nil {
		m.reference, _, err = metaAt(v, metaBoot, "clock's reference", decodeReference)
	}
	if err == nil {
		m.outbox, err = v.outboxState()
	}
	return m, err
}

// format returns the format of the store, 0 for an empty engine.
func (v *View) format() (uint32, error) {
	version, ok, err := rowAt(v, metaKey(v.room(), metaFormat), "format version", func(raw []byte) (uint32, bool) {
		if len(raw) != 4 {
			return 0, false
		}
		version := binary.BigEndian.Uint32(raw)
		return version, version > 0
	})
	if err != nil || ok {
		return version, err
	}
	return 0, v.scan(nil, nil, 1, func(_, _ []byte) error { return fmt.Errorf("rows without a format version: %w", ErrDamaged) })
}

// metaRow is a row of the meta space.
type metaRow struct {
	name  byte
	value []byte
}

// rowsOfFormat are the rows that make a store of format before one of this program's
// format. Older programs leave it alone from then on.
func rowsOfFormat(before uint32) []metaRow {
	rows := []metaRow{{metaFormat, binary.BigEndian.AppendUint32(nil, formatVersion)}}
	if before < 2 {
		rows = append(rows, metaRow{metaNumbers, numbers{}.encode()})
	}
	return rows
}

// writeMeta writes meta rows while no batch runs.
func (s *Store) writeMeta(ctx context.Context, rows ...metaRow) error {
	return s.opts.Engine.Update(ctx, func(w kv.Tx) error {
		tx := newTx(s, &batch{}, w)
		for _, row := range rows {
			if err := tx.putMeta(row.name, row.value); err != nil {
				return err
			}
		}
		return nil
	})
}

// upgrade writes the rows that a store of an older format lacks.
func (s *Store) upgrade(ctx context.Context) error {
	format := s.format.Load()
	if format == formatVersion {
		return nil
	}
	err := s.writeMeta(ctx, rowsOfFormat(format)...)
	if err == nil {
		s.format.Store(formatVersion)
	}
	return err
}

// metaAt is rowAt for the meta space, on whose rows all others rest.
func metaAt[T any](v *View, name byte, what string, decode func(raw []byte) (T, bool)) (row T, ok bool, err error) {
	row, ok, err = rowAt(v, metaKey(v.room(), name), what, decode)
	return row, ok, v.broken(err)
}

// mustMeta is metaAt for a row that must be there.
func mustMeta[T any](v *View, name byte, what string, decode func(raw []byte) (T, bool)) (T, error) {
	row, ok, err := metaAt(v, name, what, decode)
	if err == nil && !ok {
		err = v.broken(damaged(metaKey(nil, name), "absence"))
	}
	return row, err
}

func (tx *Tx) putMeta(name byte, value []byte) error {
	return tx.put(metaKey(tx.room(), name), value)
}

// epoch returns the epoch of the history that this store holds, zero on a node
// that has mirrored nothing yet.
func (v *View) epoch() (pay.Epoch, error) {
	return mustMeta(v, metaEpoch, "epoch", func(raw []byte) (e pay.Epoch, ok bool) {
		if len(raw) != len(e) {
			return e, false
		}
		return pay.Epoch(raw), true
	})
}

func (v *View) moment() (moment, error) { return mustMeta(v, metaClock, "clock", decodeMoment) }
