package ble

import (
	"math/bits"

	"github.com/paybeacon/paybeacon/pay"
)

// ranking finds the weakest of many tracks in constant time, and among equals
// the one heard longest ago, so that a flood of codes displaces its own codes and
// not a device that is heard regularly. It keeps one list for each strength,
// linked through the tracks, and a bit for each list that is not empty.
type ranking struct {
	head, tail [256]int32
	filled     [4]uint64
}

// rankLink is a track's place in a list. list is -1 for a track in none.
type rankLink struct{ list, prev, next int32 }

// unranked is the link of a track in no list.
var unranked = rankLink{list: -1, prev: -1, next: -1}

func newRanking() ranking {
	var r ranking
	for i := range r.head {
		r.head[i], r.tail[i] = -1, -1
	}
	return r
}

// push appends track i to the list of its strength.
func (r *ranking) push(tracks []track, i int32, rssi pay.RSSI) {
	list := int32(rssi) + 128
	tracks[i].link = rankLink{list: list, prev: r.tail[list], next: -1}
	if last := r.tail[list]; last >= 0 {
		tracks[last].link.next = i
	} else {
		r.head[list] = i
		r.filled[list/64] |= 1 << (list % 64)
	}
	r.tail[list] = i
}

// remove takes track i out of its list, if it is in one.
func (r *ranking) remove(tracks []track, i int32) {
	l := tracks[i].link
	if l.list < 0 {
		return
	}
	if l.prev >= 0 {
		tracks[l.prev].link.next = l.next
	} else {
		r.head[l.list] = l.next
	}
	if l.next >= 0 {
		tracks[l.next].link.prev = l.prev
	} else {
		r.tail[l.list] = l.prev
	}
	if r.head[l.list] < 0 {
		r.filled[l.list/64] &^= 1 << (l.list % 64)
	}
	tracks[i].link = unranked
}

// weakest returns the track to drop first, or -1 if there is none.
func (r *ranking) weakest() int32 {
	for k, word := range r.filled {
		if word != 0 {
			return r.head[k*64+bits.TrailingZeros64(word)]
		}
	}
	return -1
}
