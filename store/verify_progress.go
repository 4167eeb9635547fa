package store

import "encoding/binary"

// verifyProgress is how far a walk over a store is.
type verifyProgress struct {
	entries uint64 // of feeds, so far
	all     uint64 // entries that the heads count
	share   float64
}

// shareStep is what a walk tells at a time.
const shareStep = 0.001

// spaceShare is the share of the work that is done when a walk has come to a space,
// and the share of the space itself. Chosen: as measured at a registry with many
// thousand payments; at a node it is a guess that does no harm.
func spaceShare(space byte) (before, of float64) {
	shares := [...]struct {
		space byte
		of    float64
	}{{spaceEntry, 0.2}, {spaceFact, 0.6}, {spaceIndex, 0.1}, {spaceLog, 0.05}}
	for _, s := range shares {
		if s.space >= space {
			return before, s.of
		}
		before += s.of
	}
	return before, 0
}

// countEntries adds up the entries of all feeds. What is wrong with a head, the walk
// finds.
func (a *audit) countEntries() error {
	return a.v.r.Scan([]byte{spaceHead}, []byte{spaceHead + 1}, 0, func(key, sealed []byte) bool {
		if value, err := unseal(key, sealed); err == nil {
			state, _ := decodeFeedRow(value)
			a.progress.all += state.seq
		}
		return true
	})
}

// advance tells how far the walk is after one more row, and lets others go first.
func (a *audit) advance(key []byte) {
	a.pause()
	if a.Progress == nil || len(key) == 0 {
		return
	}
	from, of := spaceShare(key[0])
	switch key[0] {
	case spaceEntry:
		from += of * part(a.progress.entries, a.progress.all)
	case spaceFact, spaceIndex: // ids are evenly spread
		if len(key) > 4 {
			from += of * part(uint64(binary.BigEndian.Uint32(key[1:])), 1<<32)
		}
	case spaceLog:
		from += of * part(a.logged, a.numbers.log.last)
	}
	if from >= a.progress.share+shareStep {
		a.tell(from)
	}
}

func (a *audit) pause() {
	if a.Pause != nil {
		a.Pause()
	}
}

func part(n, all uint64) float64 {
	if all == 0 {
		return 0
	}
	return min(1, float64(n)/float64(all))
}

func (a *audit) tell(share float64) {
	if a.Progress != nil && share > a.progress.share {
		a.progress.share = share
		a.Progress(share)
	}
}
