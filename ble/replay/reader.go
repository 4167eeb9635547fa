package replay

import (
	"bufio"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// lineReadMax bounds a line that is read, in bytes; a longer one is skipped.
	// Chosen: room for the keys of other programs beside the payload.
	lineReadMax = 64 << 10
	// windowMax bounds the lines that are read ahead to put them in order. Chosen:
	// minutes of a busy place, for some MB of memory.
	windowMax = 1 << 16
)

// place is where a playable advert stands in the file.
type place struct {
	from int64 // offset of its object, in bytes
	size int
	when
}

// eachLine calls fn for every line of a capture that is not too long, and tooLong
// for the number of every other, of whose end fn gets an advert that stands there.
// text is valid until fn returns. It returns the first error of fn and of reading.
func eachLine(in io.Reader, fn func(line int, from int64, text []byte) error, tooLong func(line int)) error {
	lines := bufio.NewReaderSize(in, lineReadMax)
	var from int64
	for number := 1; ; number++ {
		from += skipZeros(lines)
		text, err := lines.ReadSlice('\n')
		at, long := 0, errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			from += int64(len(text))
			text, err = lines.ReadSlice('\n')
		}
		if long {
			tooLong(number)
			at = nextAdvert(text, 0)
		}
		if callErr := fn(number, from+int64(at), text[at:]); callErr != nil {
			return callErr
		}
		from += int64(len(text))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
}

// skipZeros reads past zeros, of which a loss of power can leave many before a line,
// and returns how many.
func skipZeros(lines *bufio.Reader) (n int64) {
	for {
		b, err := lines.ReadByte()
		if err != nil {
			return n // the next read fails alike
		}
		if b != 0 {
			_ = lines.UnreadByte() // never fails after ReadByte
			return n
		}
		n++
	}
}

// eachPlace calls fn for every advert of a capture that t does not exclude, in the
// order of the file, and counts in r what is played and what is not. t is nil where
// nothing is to be excluded. It returns the first error of fn and of reading.
func eachPlace(in io.Reader, t *timing, r *Report, fn func(place) error) error {
	var p parser
	return eachLine(in, func(line int, from int64, text []byte) error {
		return objects(text, func(at, size int, l foreignLine) error {
			a, err := p.parse(l)
			if err != nil {
				r.skip(line, err.Error())
				return nil
			}
			if t != nil {
				if why := t.excludes(a.when); why != "" {
					r.skip(line, why)
					return nil
				}
			}
			r.play(line, a.damage)
			return fn(place{from: from + int64(at), size: size, when: a.when})
		}, func() { r.skip(line, "is no JSON object") })
	}, func(line int) { r.skip(line, fmt.Sprintf("is longer than %d bytes", lineReadMax)) })
}

// inOrder calls fn for every advert of a capture that t does not exclude, the
// earliest first as far as t.window adverts ahead. It returns the first error of fn
// and of reading.
func inOrder(in io.Reader, t timing, fn func(place) error) error {
	var ahead byTime
	err := eachPlace(in, &t, new(Report), func(p place) error {
		heap.Push(&ahead, p)
		if len(ahead) <= t.window {
			return nil
		}
		return fn(heap.Pop(&ahead).(place))
	})
	for err == nil && len(ahead) > 0 {
		err = fn(heap.Pop(&ahead).(place))
	}
	return err
}

// survey reads a whole capture and returns its timing and what was found in it. It
// returns the error of reading.
func survey(in io.ReadSeeker) (timing, Report, error) {
	var r Report
	var relative, unix times
	err := eachPlace(in, nil, &r, func(p place) error {
		if p.unix {
			unix.add(p.at)
		} else {
			relative.add(p.at)
		}
		return nil
	})
	if err != nil {
		return timing{}, r, err
	}
	t, chosen := anyTime(unix.n > relative.n), &relative
	if t.unix {
		chosen = &unix
	}
	begin := chosen.first
	if chosen.disordered {
		t.window = windowMax
	}
	if !chosen.steady() {
		if begin, err = findBeginning(in, t, chosen.n); err != nil {
			return t, r, err
		}
	}
	if !t.unix && begin <= pauseMax {
		begin = 0
	}
	t.begin, t.end = begin, begin+offsetMax
	if chosen.steady() && chosen.n == r.Adverts {
		return t, r, nil
	}
	r = Report{}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return t, r, err
	}
	return t, r, eachPlace(in, &t, &r, func(place) error { return nil })
}

// findBeginning returns the time at which a capture of n adverts begins.
func findBeginning(in io.ReadSeeker, t timing, n int) (time.Duration, error) {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	b := beginning{all: n}
	err := inOrder(in, t, func(p place) error {
		b.add(p.at)
		if b.found {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return b.start, nil
	}
	return b.first, err
}

// errFound ends a search.
var errFound = errors.New("found")

// byTime is a heap of places; of two at one time the one that stands first in the
// file is the earlier.
type byTime []place

// Len returns the number of places.
func (h byTime) Len() int { return len(h) }

// Less reports whether place i is the earlier one.
func (h byTime) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].from < h[j].from
}

// Swap exchanges two places.
func (h byTime) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push appends a place.
func (h *byTime) Push(x any) { *h = append(*h, x.(place)) }

// Pop removes the last place.
func (h *byTime) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	*h = (*h)[:last]
	return p
}
