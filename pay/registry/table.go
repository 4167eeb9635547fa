package registry

import (
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// CodeTable finds the source of a code in constant time. It is a flat hash
// table with open addressing: slots of 12 bytes (8 of code, 4 of number), at
// most three fifths of them taken, the home slot taken from the code's first
// four bytes, which are as good as random. It is immutable once built.
type CodeTable struct {
	slots    []slot
	count    int
	from, to pay.Time
	upTo     uint32 // it covers the sources with numbers up to this
}

type slot struct{ high, low, number uint32 } // number 0: free

const slotBytes = 12

// NewCodeTable builds the table of all codes that the sources may have accepted
// at some moment in [from, to). The sources are in the order of their numbers,
// the first of which is at least 1.
func NewCodeTable(sources []CodeSource, from, to pay.Time) *CodeTable {
	t := &CodeTable{from: from, to: to}
	if len(sources) > 0 {
		t.upTo = sources[len(sources)-1].Number
	}
	n := codesWithin(sources, from, to)
	t.slots = make([]slot, n+2*n/3+2)
	t.fill(sources)
	return t
}

// fill inserts the codes in batches, so that the processor waits for many
// places in memory at once instead of for each.
func (t *CodeTable) fill(sources []CodeSource) {
	var batch [256]slot
	n := 0
	for i := range sources {
		number := sources[i].Number
		sources[i].each(t.from, t.to, func(_ pay.Step, c pay.Code) bool {
			batch[n] = slot{binary.BigEndian.Uint32(c[:4]), binary.BigEndian.Uint32(c[4:]), number}
			if n++; n == len(batch) {
				t.insert(batch[:])
				n = 0
			}
			return true
		})
	}
	t.insert(batch[:n])
}

// codesWithin counts the codes that a table of [from, to) holds.
func codesWithin(sources []CodeSource, from, to pay.Time) (n int) {
	for i := range sources {
		if first, last, ok := sources[i].steps(from, to); ok {
			n += int(last-first) + 1
		}
	}
	return n
}

func (t *CodeTable) insert(batch []slot) {
	for _, s := range batch {
		i := t.home(s.high)
		for t.slots[i].number != 0 {
			i = t.next(i)
		}
		t.slots[i] = s
	}
	t.count += len(batch)
}

// Lookup returns the number of a source of this code. A code of two sources is
// all but impossible; Numbers returns both.
func (t *CodeTable) Lookup(c pay.Code) (number uint32, ok bool) {
	high, low := binary.BigEndian.Uint32(c[:4]), binary.BigEndian.Uint32(c[4:])
	for i := t.home(high); ; i = t.next(i) {
		s := &t.slots[i]
		if s.number == 0 {
			return 0, false
		}
		if s.high == high && s.low == low {
			return s.number, true
		}
	}
}

// Numbers appends the numbers of all sources of this code to dst.
func (t *CodeTable) Numbers(dst []uint32, c pay.Code) []uint32 {
	high, low := binary.BigEndian.Uint32(c[:4]), binary.BigEndian.Uint32(c[4:])
	for i := t.home(high); t.slots[i].number != 0; i = t.next(i) {
		if t.slots[i].high == high && t.slots[i].low == low {
			dst = append(dst, t.slots[i].number)
		}
	}
	return dst
}

// Len returns the number of codes in the table.
func (t *CodeTable) Len() int { return t.count }

// Bytes returns the size of the table in memory.
func (t *CodeTable) Bytes() int { return len(t.slots) * slotBytes }

// covers reports whether the table holds the codes that are accepted at the moment.
func (t *CodeTable) covers(at pay.Time) bool { return at >= t.from && at < t.to }

func (t *CodeTable) home(high uint32) int {
	return int(uint64(high) * uint64(len(t.slots)) >> 32)
}

func (t *CodeTable) next(i int) int {
	if i++; i == len(t.slots) {
		return 0
	}
	return i
}
