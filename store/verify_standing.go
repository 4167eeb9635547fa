package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/paybeacon/paybeacon/pay"
)

// standing holds what the entries of feeds say against what the rows of facts say of
// their places, and the log against the facts that stand anywhere, without looking up
// each in the other: it adds up a keyed hash of each, and the sums are equal. They
// differ where anything is missing or moved. Then all is looked up, so that it is
// named what is wrong; and where a fact has two places in a feed, of which the sums say
// nothing.
type standing struct {
	key             [16]byte
	entries, places setHash
	log, seen       setHash
	last            pay.FactID // of the rows of places
	known           bool       // each fact has one place in a feed at most
}

// setHash is the sum of hashes modulo 2^128.
type setHash struct{ high, low uint64 }

func (s *setHash) add(sum [sha256.Size]byte) {
	low, carry := bits.Add64(s.low, binary.BigEndian.Uint64(sum[8:]), 0)
	high, _ := bits.Add64(s.high, binary.BigEndian.Uint64(sum[:]), carry)
	*s = setHash{high, low}
}

// begin makes a key that nobody knows who could choose rows.
func (s *standing) begin() {
	_, err := rand.Read(s.key[:])
	s.known = err == nil
}

func (s *standing) hash(id pay.FactID, at place) [sha256.Size]byte {
	buf := append(append(make([]byte, 0, 96), s.key[:]...), id[:]...)
	return sha256.Sum256(append(binary.BigEndian.AppendUint64(buf, at.n), at.scope...))
}

func (s *standing) entry(id pay.FactID, at place) { s.entries.add(s.hash(id, at)) }

// logged counts a row of the log.
func (s *standing) logged(id pay.FactID) { s.log.add(s.hash(id, place{})) }

// later counts a place that has a row of its own, of a fact with that row, if it has
// one. Such rows come after those of all facts.
func (s *standing) later(id pay.FactID, at place, row factRow, stored bool) {
	s.known = s.known && stored && row.in(at.scope) == 0
	s.places.add(s.hash(id, at))
	if !row.stands() && id != s.last {
		s.seen.add(s.hash(id, place{}))
	}
	s.last = id
}

// stands reports whether the row has a place in a feed.
func (f factRow) stands() bool {
	for rest := f.places; len(rest) > 0; {
		var at place
		if at, rest, _ = nextPlace(rest); at.scope != inOutbox {
			return true
		}
	}
	return false
}

// fact counts the places of a fact's row, which were read.
func (s *standing) fact(id pay.FactID, row factRow) {
	var scopes [rowPlacesMax]pay.Scope
	n := 0
	for rest := row.places; len(rest) > 0; {
		var at place
		if at, rest, _ = nextPlace(rest); at.scope == inOutbox {
			continue
		}
		for _, other := range scopes[:n] {
			s.known = s.known && other != at.scope
		}
		scopes[n] = at.scope
		n++
		s.places.add(s.hash(id, at))
	}
	if n > 0 {
		s.seen.add(s.hash(id, place{}))
	}
}

// endStanding compares the sums, and looks up all of which they differ.
func (a *audit) endStanding() error {
	s := &a.standing
	if !s.known || s.entries != s.places {
		for _, space := range []byte{spaceEntry, spaceHead, spaceFact} {
			if err := a.lookUp(space); err != nil {
				return err
			}
		}
	}
	if s.known && s.log == s.seen {
		return nil
	}
	if err := a.lookUp(spaceLog); err != nil {
		return err
	}
	return a.lookUpLogged(a.numbers.log, a.numbers.tail)
}

// lookUp looks up what the rows of a space name. What is wrong with their form was
// named before.
func (a *audit) lookUp(space byte) error {
	var stopped error
	err := a.v.r.Scan([]byte{space}, []byte{space + 1}, 0, func(key, sealed []byte) bool {
		if a.Pause != nil {
			a.Pause()
		}
		if value, err := unseal(key, sealed); err == nil {
			stopped = a.lookUpRow(key, value)
		}
		return stopped == nil
	})
	return errors.Join(stopped, err)
}

func (a *audit) lookUpRow(key, value []byte) error {
	switch key[0] {
	case spaceEntry:
		scope, last, ok := splitEntryKey(key)
		if r, good := decodeEntries(last, value); ok && good {
			return a.lookUpRun(scope, r)
		}
	case spaceHead:
		if head, ok := decodeFeedRow(value); ok {
			return a.lookUpRun(pay.Scope(key[1:]), head.tail)
		}
	case spaceLog:
		if last, ok := splitLogRow(key, value); ok {
			return a.lookUpLogged(last, value)
		}
	case spaceFact:
		if row, ok := splitFact(value); ok && len(key) == 1+idBytes {
			return a.lookUpPlaces(pay.FactID(key[1:]), row)
		}
	}
	return nil
}

// lookUpRun checks that the facts of entries are stored and indexed.
func (a *audit) lookUpRun(scope pay.Scope, r chained) error {
	return r.each(0, func(seq uint64, item []byte, _ pay.Chain) error {
		return a.blame(a.entryFact(scope, seq, pay.FactID(item)))
	})
}

// lookUpPlaces checks that a fact is where its row says.
func (a *audit) lookUpPlaces(id pay.FactID, row factRow) error {
	for rest := row.places; len(rest) > 0; {
		var at place
		if at, rest, _ = nextPlace(rest); at.scope == inOutbox {
			continue
		}
		if err := a.blame(a.placed(id, at)); err != nil {
			return err
		}
	}
	return nil
}

// lookUpLogged checks that the facts of rows of the log are stored, the last of which
// has the number last.
func (a *audit) lookUpLogged(last uint64, ids []byte) error {
	for seq := last - uint64(len(ids)/idBytes) + 1; len(ids) > 0; seq, ids = seq+1, ids[idBytes:] {
		_, ok, err := a.v.fact(pay.FactID(ids))
		if err == nil && !ok {
			err = finding("log: the fact of row %d is missing", seq)
		}
		if err := a.blame(err); err != nil {
			return err
		}
	}
	return nil
}
