package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

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
func (s *standing) later(id pay.FactID, at place, row factRow) {
	s.known = s.known && row.stored() && row.in(at.scope) == 0
	s.places.add(s.hash(id, at))
	if !row.stands() && id != s.last {
		s.seen.add(s.hash(id, place{}))
	}
	s.last = id
}

// fact counts the places of a fact's row, which were read.
func (s *standing) fact(id pay.FactID, row factRow) {
	var scopes [rowPlacesMax]pay.Scope
	n := 0
	for at := range row.inFeeds() {
		s.known = s.known && !slices.Contains(scopes[:n], at.scope)
		scopes[n] = at.scope
		n++
		s.places.add(s.hash(id, at))
	}
	if n > 0 {
		s.seen.add(s.hash(id, place{}))
	}
}

// agree reports whether each fact stands where it is said to.
func (s *standing) agree() bool { return s.known && s.entries == s.places }

// endStanding looks up what the log names where the sums differ, as they do at a node
// and in a store that is older than its log.
func (a *audit) endStanding() error {
	if a.standing.known && a.standing.log == a.standing.seen {
		return nil
	}
	return a.v.walk(a.numbers.rows(), 0, 0, func(seq uint64, item []byte, _ pay.Chain) error {
		a.pause()
		_, err := a.v.namedFact(pay.FactID(item), "log: the fact of row %d is missing", seq)
		a.blame(err)
		return a.failed
	})
}
