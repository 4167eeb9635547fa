package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// findingsMax bounds what Verify returns; the last finding then counts the rest.
const findingsMax = 100

// VerifyOptions are what Verify holds facts against, and whom it tells how far it
// is.
type VerifyOptions struct {
	// Key returns the key that a fact's signature is held against; ok is false
	// where the caller knows none, and the signature is then left unchecked. Nil
	// knows none. It is called from several goroutines with more than one worker.
	Key func(f pay.Fact) (key pay.PublicKey, ok bool)
	// Signatures, unless nil, returns for one goroutine what verifies many facts
	// together: it returns those that Fact.Verify refuses, by their places, in order.
	Signatures func() (wrong func(facts []pay.Fact, keys []pay.PublicKey) []int)
	// Workers is how many goroutines read facts and verify signatures; below 2 the
	// caller's own does it.
	Workers int
	// Progress, unless nil, is called now and then with the share of the work that
	// is done, from 0 to 1 and never less than before.
	Progress func(share float64)
	// Found, unless nil, is called with each finding that is listed, at once.
	Found func(finding string)
	// Pause, unless nil, is called between one row and the next, so that the caller
	// can let others go first.
	Pause func()
}

// Verify walks all rows of the store and returns what is wrong with them, each
// in a sentence: checksums and forms of all rows; ids and signatures of
// facts; numbers, chains, digests and heads of feeds; places, outbox items and
// applied numbers; the log; effects; and what is set aside, as far as it fits
// together. What the role's rows should hold, only the role can say.
//
// It reads row by row from one snapshot and keeps nothing but findings, at
// most 101, and some facts for each worker. It returns an error only when it could
// not read on, that of ctx among them.
func (v *View) Verify(ctx context.Context, o VerifyOptions) (findings []string, err error) {
	a := &audit{v: v, VerifyOptions: o}
	err = a.walk(ctx)
	if err == nil && !a.standing.agree() {
		a = &audit{v: v, VerifyOptions: o, found: a.found, progress: verifyProgress{share: a.progress.share}, named: true}
		err = a.walk(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("verify store: %w", err)
	}
	if a.unlisted > 0 {
		a.list(fmt.Sprintf("and %d more", a.unlisted))
	}
	v.verified = len(a.found) == 0
	a.tell(1)
	return a.found, nil
}

// walk checks all rows. Its error is why it could not go on.
func (a *audit) walk(ctx context.Context) error {
	a.begin()
	defer a.startWorkers()()
	a.blame(a.v.r.Scan(nil, nil, 0, func(key, sealed []byte) bool {
		if a.blame(ctx.Err()); a.failed == nil {
			a.blame(a.row(key, sealed))
			a.advance(key)
		}
		return a.failed == nil
	}))
	if a.failed == nil {
		a.end()
	}
	return a.failed
}

// begin reads what the rows are held against.
func (a *audit) begin() {
	a.standing.begin()
	var err error
	if a.format, err = a.v.format(); err == nil {
		a.outbox, err = a.v.outboxState()
	}
	if err == nil {
		a.clock, err = a.v.moment()
	}
	if err == nil {
		a.numbers, err = a.v.numbers()
	}
	if err == nil && a.Progress != nil {
		err = a.countEntries()
	}
	a.blame(err)
}

// audit is one walk over a store, in the order of its keys.
type audit struct {
	VerifyOptions
	v        *View
	named    bool // places are looked up, and not only added up
	found    []string
	unlisted int
	failed   error // why nothing more can be read
	facts    factChecks
	standing standing
	progress verifyProgress

	format uint32
	outbox outboxState
	clock  moment
	items  uint64

	numbers numbers
	logged  uint64 // rows of the log so far
	effects uint64 // effects so far
	kept    keptLine
	aside   asideWalk // the subject that the walk is in, if it is in one

	scope pay.Scope // the feed that the walk is in, or ""
	feed  feedState // as its entries so far make it
	meta  int
}

// finding is an error about the store's content, as opposed to one of reading
// it.
func finding(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrDamaged)...)
}

// blame lists an error about content as a finding; any other ends the walk.
func (a *audit) blame(err error) {
	switch {
	case err == nil || a.failed != nil:
	case !errors.Is(err, ErrDamaged):
		a.failed = err
	case slices.Contains(a.found, err.Error()): // by the walk before
	case len(a.found) < findingsMax:
		a.list(err.Error())
	default:
		a.unlisted++
	}
}

func (a *audit) list(finding string) {
	a.found = append(a.found, finding)
	if a.Found != nil {
		a.Found(finding)
	}
}

func (a *audit) row(key, sealed []byte) error {
	value, err := unseal(key, sealed)
	if err != nil {
		return err
	}
	if len(key) == 0 {
		return damaged(key, "key")
	}
	if key[0] != spaceEntry {
		a.blame(a.endFeed())
	}
	if key[0] != spaceFact {
		a.facts.flush(0)
	}
	switch key[0] {
	case spaceApplied:
		return a.appliedRow(key, value)
	case spacePutBack:
		if err := pay.Decode(value, new(pay.PutBack)); err != nil || len(key) != 1+idBytes {
			return damaged(key, "evidence")
		}
	case spacePast:
		if len(key) != 1+idBytes+len(pay.Incarnation{}) || len(value) != seqBytes {
			return damaged(key, "replaced incarnation")
		}
	case spaceKept:
		return a.keptRow(key, value)
	case spaceDue:
		if _, _, ok := splitDueKey(key); !ok || len(value) != 0 {
			return damaged(key, "deadline")
		}
	case spaceEntry:
		return a.entries(key, value)
	case spaceFact:
		return a.fact(key, value)
	case spaceHead:
		return a.head(key, value)
	case spaceIndex:
		return a.place(key, value)
	case spaceEffect:
		return a.effect(key, value)
	case spaceLog:
		return a.logRow(key, value)
	case spaceMeta:
		return a.metaRow(key, value)
	case spaceOutbox:
		return a.itemsRow(key, value)
	case spaceQueued:
		return a.queued(key, value)
	case spaceRole:
	case spaceAside:
		return a.asideRow(key, value)
	default:
		return damaged(key, "key space")
	}
	return nil
}

func (a *audit) end() {
	a.facts.flush(0)
	for _, end := range []func() error{a.endFeed, a.endAside, a.endNumbers, a.endStanding, a.endMeta} {
		a.blame(end())
	}
	a.blame(a.waiting(a.outbox.newest))
	if want := a.outbox.last - a.outbox.acked; a.items != want {
		a.blame(finding("%d outbox items are there and %d should be", a.items, want))
	}
}

func (a *audit) endMeta() error {
	metaRows := 6
	if a.format < 2 {
		metaRows = 5
	}
	if a.meta != metaRows {
		return finding("%d of %d meta rows are there", a.meta, metaRows)
	}
	return nil
}

func (a *audit) entries(key, value []byte) error {
	scope, last, ok := splitEntryKey(key)
	r, good := decodeEntries(last, value)
	if !ok || !good {
		return damaged(key, "feed entries")
	}
	if scope != a.scope {
		a.blame(a.endFeed())
		a.scope, a.feed = scope, feedState{}
	}
	return a.run(scope, r)
}

// run checks entries of a feed, whose state so far is a.feed.
func (a *audit) run(scope pay.Scope, r run) error {
	a.progress.entries += r.last + 1 - r.first()
	if want := a.feed.seq + 1; r.first() != want {
		a.feed.seq, a.feed.chain = r.first()-1, r.chain // what follows is judged by itself
		a.blame(finding("feed %s: entry %d came where entry %d should be", scope, r.first(), want))
		if r.fixed {
			a.feed = feedState{seq: r.last, chain: r.chain}
			return nil
		}
	}
	if !r.fixed && r.chain != a.feed.chain {
		a.feed.chain = r.chain
		a.blame(finding("feed %s: the chain before entry %d does not follow", scope, r.first()))
	}
	return r.each(0, func(seq uint64, item []byte, chain pay.Chain) error {
		id := pay.FactID(item)
		if a.feed = a.feed.add(id); chain != a.feed.chain {
			a.feed.chain = chain
			return finding("feed %s: the chain at entry %d does not follow", scope, seq)
		}
		a.standing.entry(id, place{scope, seq})
		if a.named {
			a.blame(a.entryFact(scope, seq, id))
		}
		return a.failed
	})
}

// entryFact checks that an entry's fact is stored and indexed.
func (a *audit) entryFact(scope pay.Scope, seq uint64, id pay.FactID) error {
	row, err := a.v.namedFact(id, "feed %s: the fact of entry %d is missing", scope, seq)
	if err != nil {
		return err
	}
	at, err := a.v.placeOf(id, row, scope)
	if err == nil && at != seq {
		err = finding("feed %s: the fact of entry %d is said to be entry %d", scope, seq, at)
	}
	return err
}

// endFeed checks the entries that the row of the feed at hand holds, and compares
// what all of them make with its state.
func (a *audit) endFeed() error {
	scope := a.scope
	if scope == "" {
		return nil
	}
	a.scope = ""
	head, err := a.v.feedRow(scope)
	if err == nil && len(head.tail.items) > 0 {
		err = a.run(scope, head.tail)
	}
	if err != nil {
		return err
	}
	if head.feedState != a.feed {
		return finding("feed %s: the head counts %d entries, with chain %x and digest %x; the entries make %d, %x and %x",
			scope, head.seq, head.chain[:4], head.digest, a.feed.seq, a.feed.chain[:4], a.feed.digest)
	}
	return nil
}

// head checks feeds of which all entries stand in their row, and finds those whose
// other entries are missing; the walk over entries does the rest.
func (a *audit) head(key, value []byte) error {
	scope := pay.Scope(key[1:])
	state, ok := decodeFeedRow(value)
	if !ok || checkScope(scope) != nil {
		return damaged(key, "feed state")
	}
	before := state.tail.first() - 1
	if before == 0 {
		a.scope, a.feed = scope, feedState{}
		return a.endFeed()
	}
	_, ok, err := a.v.find(state.entries(scope), before)
	if err == nil && !ok {
		err = finding("feed %s: the head follows entry %d, which is missing", scope, before)
	}
	return err
}

func (a *audit) place(key, value []byte) error {
	if len(key) <= 1+idBytes || len(value) != seqBytes {
		return damaged(key, "place in a feed")
	}
	id, at := pay.FactID(key[1:]), place{pay.Scope(key[1+idBytes:]), binary.BigEndian.Uint64(value)}
	row, err := a.v.fact(id) // such rows are few, and are looked up
	if err != nil {
		return err
	}
	a.standing.later(id, at, row)
	return a.placed(id, at)
}

func (a *audit) metaRow(key, value []byte) error {
	a.meta++
	if len(key) != 2 {
		return damaged(key, "meta row")
	}
	ok := true
	switch key[1] {
	case metaFormat:
		ok = len(value) == 4 && binary.BigEndian.Uint32(value) == a.format
	case metaOwn:
		ok = pay.Scope(value) == a.v.s.opts.Own
	case metaEpoch:
		ok = len(value) == len(pay.Epoch{}) && (!a.v.s.registry() || pay.Epoch(value) == a.v.s.epoch)
	case metaClock, metaOutbox, metaNumbers: // read at the beginning of the walk
	case metaBoot:
		a.meta-- // it need not be there
		_, ok = decodeReference(value)
	case metaOldCopy:
		a.meta--
		ok = !a.v.s.registry() && pay.Decode(value, new(oldCopyRow)) == nil
	default:
		ok = false
	}
	if !ok {
		return damaged(key, "meta row")
	}
	return nil
}

// itemsRow checks a row of outbox items, the first of which may be acknowledged already.
func (a *audit) itemsRow(key, value []byte) error {
	r, err := runAt(key, value, 1, "outbox items", decodeItems)
	if err != nil {
		return err
	}
	if r.last <= a.outbox.acked || r.last > a.outbox.last {
		return finding("outbox item %d is outside %d..%d", r.last, a.outbox.acked+1, a.outbox.last)
	}
	return a.waiting(r)
}

// waiting checks the items of a run that wait in the outbox.
func (a *audit) waiting(r run) error {
	return r.each(a.outbox.acked+1, func(n uint64, raw []byte, _ pay.Chain) error {
		a.items++
		a.blame(a.item(n, decodeItem(raw)))
		return a.failed
	})
}

func (a *audit) item(n uint64, it item) error {
	if it.ticks < 0 || it.ticks > a.clock.ticks {
		return finding("outbox item %d was stored after the last change to the store", n)
	}
	for _, id := range it.facts {
		f, err := a.v.namedFact(id, "outbox item %d: fact %s is missing", n, id)
		if err != nil {
			return err
		}
		if held, err := a.v.itemOf(id, f); err != nil {
			return err
		} else if held != n {
			return finding("outbox item %d: fact %s is indexed under %d", n, id, held)
		}
	}
	return nil
}

func (a *audit) queued(key, value []byte) error {
	if len(key) != 1+idBytes || len(value) != seqBytes {
		return damaged(key, "outbox number")
	}
	return a.placed(pay.FactID(key[1:]), place{inOutbox, binary.BigEndian.Uint64(value)})
}
