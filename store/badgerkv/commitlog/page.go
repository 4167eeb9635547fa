package commitlog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// The parts of a page, as offsets in bytes. The package comment draws it.
const (
	pageBytes   = 512
	chainAt     = 4
	numberAt    = 8
	placeAt     = 16
	restAt      = 20
	payloadAt   = 24
	sumAt       = pageBytes - 4
	pagePayload = sumAt - payloadAt
)

// The kinds of pages.
const (
	kindSegment = 'S' // the first of a segment
	kindCommit  = 'C'
	kindEnd     = 'E' // after the last commit of a segment that has a successor
)

// Position is a place between two commits: after the commit with this number, whose
// last page has this checksum, which is odd.
type Position struct {
	Number uint64
	Sum    uint32
}

// page is what a page holds.
type page struct {
	kind    byte
	chain   uint32 // the checksum of the page before
	number  uint64
	place   uint32 // of the page in its commit, from 0
	rest    uint32 // payload bytes from this page to the end of the commit
	payload []byte
	sum     uint32
}

// state says what became of a page that was to be written.
type state int

const (
	absent  state = iota // not written, or not to its end
	whole                // as it was written
	changed              // written to its end, and changed since
)

// parsePage reads a page of pageBytes. The page aliases b.
func parsePage(b []byte) (page, state) {
	p := page{
		kind:   b[0],
		chain:  binary.BigEndian.Uint32(b[chainAt:]),
		number: binary.BigEndian.Uint64(b[numberAt:]),
		place:  binary.BigEndian.Uint32(b[placeAt:]),
		rest:   binary.BigEndian.Uint32(b[restAt:]),
		sum:    binary.BigEndian.Uint32(b[sumAt:]),
	}
	p.payload = b[payloadAt : payloadAt+min(p.rest, pagePayload)]
	switch want := checksum(b[:sumAt]); {
	case p.sum == want, p.sum == want&^0xFF: // of that which was cut off there, nothing is missing
		p.sum = want
		return p, whole
	case p.sum&0xFF == 0:
		return page{}, absent
	}
	return page{}, changed
}

// appendPage appends a page with as much of payload as it takes. It sets the
// page's checksum and returns the rest of the payload.
func appendPage(dst []byte, p *page, payload []byte) (out, rest []byte) {
	n := min(len(payload), pagePayload)
	begin := len(dst)
	dst = append(dst, p.kind, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, p.chain)
	dst = binary.BigEndian.AppendUint64(dst, p.number)
	dst = binary.BigEndian.AppendUint32(dst, p.place)
	dst = binary.BigEndian.AppendUint32(dst, p.rest)
	dst = append(dst, payload[:n]...)
	dst = append(dst, zeros[:pagePayload-n]...)
	p.sum = checksum(dst[begin:])
	return binary.BigEndian.AppendUint32(dst, p.sum), payload[n:]
}

var zeros [pageBytes]byte

// castagnoli is the table of CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum returns the CRC-32C of b with its lowest bit set: a last byte of 0 is that
// of a page that was not written to its end.
func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) | 1 }

// pagesOf returns how many pages a commit takes.
func pagesOf(payload int) int { return max(1, (payload+pagePayload-1)/pagePayload) }

// appendCommit appends the pages of the commit that follows after.
func appendCommit(dst []byte, after Position, payload []byte) ([]byte, Position) {
	p := page{kind: kindCommit, chain: after.Sum, number: after.Number + 1}
	for {
		p.rest = uint32(len(payload))
		dst, payload = appendPage(dst, &p, payload)
		if len(payload) == 0 {
			return dst, Position{Number: p.number, Sum: p.sum}
		}
		p.chain, p.place = p.sum, p.place+1
	}
}

// readCommit reads the commit that follows after at the beginning of data. ok is
// false if there is no whole one. payload is a copy; size is what it takes, in bytes.
func readCommit(data []byte, after Position) (end Position, payload []byte, size int, ok bool) {
	chain, left := after.Sum, uint32(0)
	for place := uint32(0); ; place++ {
		if len(data) < size+pageBytes {
			return end, nil, 0, false
		}
		p, s := parsePage(data[size:][:pageBytes])
		if s != whole || p.kind != kindCommit || p.number != after.Number+1 || p.place != place || p.chain != chain {
			return end, nil, 0, false
		}
		if place == 0 {
			if pagesOf(int(p.rest))*pageBytes > len(data) {
				return end, nil, 0, false
			}
			payload, left = make([]byte, 0, p.rest), p.rest
		}
		if p.rest != left {
			return end, nil, 0, false
		}
		payload, chain, size = append(payload, p.payload...), p.sum, size+pageBytes
		left -= uint32(len(p.payload))
		if p.rest <= pagePayload {
			return Position{Number: p.number, Sum: p.sum}, payload, size, true
		}
	}
}

// isEnd reports whether data begins with the page that ends a segment at a position.
func isEnd(data []byte, at Position) bool {
	if len(data) < pageBytes {
		return false
	}
	p, s := parsePage(data[:pageBytes])
	return s == whole && p.kind == kindEnd && p.number == at.Number+1 && p.chain == at.Sum
}

// tail judges what stands in a segment behind its last whole commit. It returns ""
// if that is nothing, or pages of one commit that was not written completely, which
// nobody was told is durable; otherwise it says how it is damaged.
func tail(data []byte, after Position) (damage string) {
	var pages, want int
	for at := 0; at+pageBytes <= len(data); at += pageBytes {
		p, s := parsePage(data[at:][:pageBytes])
		switch {
		case s == absent:
		case s == changed:
			return "a page is changed"
		case p.number > after.Number+1:
			return "commits follow that were written later"
		case p.number <= after.Number || p.kind != kindCommit || int(p.place) != at/pageBytes:
			return "a page stands where it was not written"
		default:
			pages, want = pages+1, int(p.place)+pagesOf(int(p.rest))
		}
	}
	if pages > 0 && pages == want {
		return "a commit does not follow the one before"
	}
	return ""
}

// hasWritten reports whether any page in data was written, wholly or in part.
func hasWritten(data []byte) bool { return len(bytes.Trim(data, "\x00")) > 0 }
