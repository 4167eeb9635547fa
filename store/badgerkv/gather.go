package badgerkv

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
	"github.com/paybeacon/paybeacon/store/kv"
)

// gatherBytes is how many bytes of writes are gathered before Badger gets them. Chosen:
// some hundred payments, in which most rows that are written again and again meet, in
// little memory. It is less than one Badger transaction takes with either memtable.
const gatherBytes = 2 * mib

// ballastBytes is the size of a row of ballast: where writes of the same key have
// merged, a transfer takes as much more of the memtable as they would have taken.
// Otherwise a store that writes the same rows for days would fill no memtable, and the
// log, which is dropped up to what is in tables, would never become shorter. Chosen:
// below every size from which Badger keeps a value elsewhere.
const ballastBytes = 32 << 10

// ballastKey is the first byte of the keys of ballast, and a number follows. They lie
// outside the keys of transactions.
const ballastKey = 'b'

// gathered are the rows of commits that the log has and Badger has not, and what of
// them Views see.
type gathered struct {
	state    atomic.Pointer[state]
	changing sync.Mutex // held while state is replaced

	passing sync.WaitGroup // the transfer that runs; only the admitted writer adds

	// Used only by the admitted writer.
	most   int64       // bytes to gather
	bytes  int64       // what Badger would count for the writes in recent one by one
	recent *kv.Overlay // where those of the same key have merged
}

// transfer is what Badger gets at a time.
type transfer struct {
	rows    kv.Layer
	ballast int64              // bytes
	at      commitlog.Position // of the last commit in it
}

// state is what a transaction reads from beginning to end: the recent rows lie over
// those that are being passed to Badger, and these over a snapshot of Badger without
// them. A state does not change. A transfer that is done replaces the lower two by a
// snapshot with the rows, at once, so that no View sees a part of it.
type state struct {
	rows            kv.Reader // all of them
	recent, leaving kv.Layer
	base            *snapshot
}

// publish replaces the state by a changed copy.
func (g *gathered) publish(change func(*state)) {
	g.changing.Lock()
	defer g.changing.Unlock()
	old := g.state.Load()
	next := &state{}
	if old != nil {
		*next = *old
	}
	change(next)
	next.rows = next.recent.Over(next.leaving.Over(next.base))
	g.state.Store(next)
	if old != nil && old.base != next.base {
		old.base.release()
	}
}

// read returns an Overlay of the present state, and what ends it.
func (g *gathered) read() (*kv.Overlay, func()) {
	for {
		if s := g.state.Load(); s.base.hold() {
			o := kv.NewOverlay(s.rows)
			return o, func() {
				o.End()
				s.base.release()
			}
		}
	}
}

// gather makes the writes of a commit visible.
func (g *gathered) gather(o *kv.Overlay) {
	g.recent.Take(o)
	g.bytes += sizeOf(o.Layer)
	recent := g.recent.Writes()
	g.publish(func(s *state) { s.recent = recent })
}

// leave returns what is gathered for a transfer, up to the end of the log.
func (g *gathered) leave(end commitlog.Position) transfer {
	t := transfer{g.recent.Writes(), g.bytes - sizeOf(g.recent.Layer), end}
	g.recent, g.bytes = kv.NewOverlay(nil), 0
	return t
}

// makeRoom starts the transfer of what is gathered unless the writes in o have room
// beside it. A transfer that still runs is waited for, so that what two of them hold is
// in memory at most. It returns an error when nothing may be written any more.
func (e *Engine) makeRoom(o *kv.Overlay) error {
	n := e.recent.Len()
	// Half of the keys that a transaction takes leaves room for ballast.
	if n == 0 || e.bytes+sizeOf(o.Layer) <= e.most && int64(n+o.Len()) <= e.limit.keys/2 {
		return nil
	}
	e.passing.Wait()
	if err := e.usable(); err != nil {
		return err
	}
	t := e.leave(e.log.End())
	e.publish(func(s *state) { s.recent, s.leaving = kv.Layer{}, t.rows })
	e.passing.Go(func() { e.transfer(t) })
	return nil
}

// transfer passes rows to Badger, publishes a snapshot with them, and looks whether there
// are tables to merge.
func (e *Engine) transfer(t transfer) {
	if err := e.pass(t); err != nil {
		e.broken.CompareAndSwap(nil, &err)
		return
	}
	base := newSnapshot(e.db)
	e.keeper.note(base.txn.ReadTs(), t.at.Number)
	e.publish(func(s *state) { s.leaving, s.base = kv.Layer{}, base })
	e.mergeIfDue()
}

// pass commits rows to Badger with the mark of the last commit in them. That is one
// transaction, which Badger keeps in one memtable: a table has all of it and the mark,
// or nothing. It returns an error of Badger.
func (e *Engine) pass(t transfer) error {
	txn := e.db.NewTransaction(true)
	defer txn.Discard()
	to := txnWriter{txn: txn, keys: make([]byte, 0, t.rows.Size()+t.rows.Len())}
	err := t.rows.Apply(&to)
	if err == nil {
		err = putBallast(txn, t.ballast)
	}
	if err == nil {
		err = txn.Set([]byte(markKey), encodeMark(t.at))
	}
	if err == nil {
		err = e.commit(txn)
	}
	if err != nil {
		return fmt.Errorf("pass the commits up to %d on to Badger: %w", t.at.Number, err)
	}
	return nil
}

func putBallast(txn *badger.Txn, bytes int64) error {
	zeros := make([]byte, min(bytes, ballastBytes))
	for n := byte(0); bytes > 0; n++ {
		part := min(bytes, ballastBytes)
		if err := txn.Set([]byte{ballastKey, n}, zeros[:part]); err != nil {
			return err
		}
		bytes -= part
	}
	return nil
}

// passLast passes on what is left when no transaction runs any more.
func (e *Engine) passLast() error {
	e.passing.Wait()
	s := e.state.Load()
	if s == nil {
		return nil
	}
	defer s.base.release()
	if e.recent.Len() == 0 || e.broken.Load() != nil {
		return nil
	}
	return e.pass(e.leave(e.log.End()))
}

// txnWriter writes to a Badger transaction, which keeps the slices it is given until
// the commit: so the keys lie in one buffer that never moves.
type txnWriter struct {
	txn  *badger.Txn
	keys []byte
}

// Put writes a row. It returns an error of Badger.
func (w *txnWriter) Put(key, value []byte) error { return w.txn.Set(w.prefixed(key), value) }

// Delete removes a row. It returns an error of Badger.
func (w *txnWriter) Delete(key []byte) error { return w.txn.Delete(w.prefixed(key)) }

func (w *txnWriter) prefixed(key []byte) []byte {
	begin := len(w.keys)
	w.keys = append(append(w.keys, keyPrefix), key...)
	return w.keys[begin:len(w.keys):len(w.keys)]
}
