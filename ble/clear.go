package ble

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// A device is clear in one of two ways. It was tapped: held so close to the box
// that three of its adverts arrived at Tap, which no recorded phone reached from
// where a person stands. Or it is at the box and leads: the best of its last four
// seconds is at Clear, and leads every other device by Margin, as does the middle.
//
// The best and not only the middle, because each of the three advertising channels
// has a level of its own at each place; the best of the three says more about
// where a device is than the middle one. The 90 % point stands for the best,
// because a single advert can be stronger than any level.

const (
	// bestWindow is the span of time of which the best strength is taken. Measured:
	// `paybeacon bench crowd`, from traces; with 2 s more picks are wrong, with 8 s as
	// many within the brackets, and the till asks a little more.
	bestWindow = 4 * time.Second
	// bestShare is the share of the adverts that are no stronger than the best
	// strength. Measured: as bestWindow; with 1 more of two as recorded are wrong, and
	// with 0.75 as many within the brackets.
	bestShare = 0.9
	// A device of which little was heard may be stronger than it seems, so this much
	// is added to it when another leads, in dB: bestOfOne to one advert, bestOfFew to
	// up to bestFew. Measured: as bestWindow; fewer of two as recorded are wrong, and
	// the till asks little more.
	bestOfOne pay.RSSI = 6
	bestOfFew pay.RSSI = 3
	bestFew            = 4

	// tapAdverts adverts at Tap within tapSpan are a tap. Measured: of
	// 8,442 cuts of the recordings one was taken for a tap (at most 560 in a million at
	// 95 %, from traces); thinned to the paces of devices, none of 9,352 (at most
	// 320 in a million).
	tapAdverts = 3
	tapSpan    = 4500 * time.Millisecond
	tapApart   = 150 * time.Millisecond
)

// Best says what counts as the best strength of a device. It is for comparing rules:
// no lane needs another than BestDefault.
type Best struct {
	Window time.Duration // whose adverts count
	Share  float64       // of them are no stronger, 0..1
	One    pay.RSSI      // added to one advert of a device that another leads, in dB
	Few    pay.RSSI      // added to up to bestFew adverts, in dB
}

// BestDefault returns the best strength as the product takes it.
func BestDefault() Best { return Best{bestWindow, bestShare, bestOfOne, bestOfFew} }

// CertainLead is how far the best strength of a clear device must lead for a
// payer's rule to answer without a person, in dB, beside being at the tap level.
// Measured: `paybeacon bench crowd`, traces; at that level no charge in 12,000
// worlds of two like phones was wrong (at most 250 in a million at 95 %), with any lead.
const CertainLead = MarginDefault

// verdict is which track is clear, and why.
type verdict struct {
	track    int32 // -1 if none
	evidence pay.Evidence
	certain  bool
}

var unclear = verdict{track: -1}

// judge returns which of the listed tracks, strongest first, is clear.
func (t *Tracker) judge(listed []int32, now time.Duration) verdict {
	if len(listed) == 0 || t.deaf {
		return unclear
	}
	first := listed[0]
	if t.tracks[first].tapped(now) {
		if t.steady(first, now) && t.aloneAtTap(first, now) {
			return verdict{first, pay.EvidenceTap, true}
		}
		return unclear
	}
	lead, ok := t.lead(first, now)
	if !ok {
		return unclear
	}
	best, n := t.tracks[first].filter.best(now, t.options.Best)
	certain := n > bestFew && best >= t.certainFrom() && lead >= int(CertainLead) && t.tracks[first].ofOneCode(now)
	return verdict{first, pay.EvidenceClear, certain}
}

// ofOneCode reports whether all strengths of the window were heard of the code that
// would be charged. That it continues the one before is a conclusion from time and
// strength, on which nothing rests that pays without a person.
func (s *track) ofOneCode(now time.Duration) bool {
	return s.continuedAt == never || now-s.continuedAt > bestWindow
}

// certainFrom is the strength from which a clear device may be charged without a
// person: the tap level, which without taps is the default one.
func (t *Tracker) certainFrom() pay.RSSI {
	if t.options.Tap == TapOff {
		return TapDefault
	}
	return t.options.Tap
}

// steady reports whether track i states the same power all the time and is not
// silent.
func (t *Tracker) steady(i int32, now time.Duration) bool {
	s := &t.tracks[i]
	return now-s.last <= s.silence() && (s.variedAt == never || now-s.variedAt > bestWindow)
}

// refusedLately returns the strength of the strongest advert that had no room within
// the last bestWindow, and whether there was one.
func (t *Tracker) refusedLately(now time.Duration) (pay.RSSI, bool) {
	return t.refused, t.refusedAt != never && now-t.refusedAt <= bestWindow
}

// aloneAtTap reports whether no other device was heard at Tap lately.
func (t *Tracker) aloneAtTap(first int32, now time.Duration) bool {
	if refused, ok := t.refusedLately(now); ok && refused >= t.options.Tap {
		return false
	}
	for i := range t.tracks {
		o := &t.tracks[i]
		if t.rivals(first, int32(i)) && o.taps.newest() != never && now-o.taps.newest() <= tapSpan {
			return false
		}
	}
	return true
}

// rivals reports whether track i is another device than first, as far as is known.
// A pending code that can continue only first does not count.
func (t *Tracker) rivals(first, i int32) bool {
	o := &t.tracks[i]
	return o.used && i != first && (!o.pending || o.onlyOlder != first)
}

// lead returns by how much the best strength of first, the strongest track, leads
// all others, and whether first is clear by that.
func (t *Tracker) lead(first int32, now time.Duration) (lead int, ok bool) {
	s := &t.tracks[first]
	if !s.near || s.rssi < t.options.Far || s.last-s.heardSince < t.options.Dwell || !t.steady(first, now) {
		return 0, false
	}
	best, _ := s.filter.best(now, t.options.Best)
	if best < t.options.Clear {
		return 0, false
	}
	second, heard := t.secondLevel(s, now)
	margin := 100 * int(t.options.Margin)
	most := 100 * (int(RSSIMax) - int(RSSIMin))
	if refused, ok := t.refusedLately(now); ok {
		if most = 100 * (int(best) - int(refused) - int(t.options.Best.One)); most < margin {
			return 0, false
		}
	}
	for i := range t.tracks {
		o := &t.tracks[i]
		if !t.rivals(first, int32(i)) {
			continue
		}
		less := 0 // what the second ear takes off the lead
		if theirs, both := t.secondLevel(o, now); heard && both {
			less = t.options.SecondShare * (int(second) - int(theirs))
		}
		most = min(most, 100*(int(best)-int(o.filter.bestAtMost(now, t.options.Best)))-less)
		if most < margin || 100*(int(s.rssi)-int(o.rssi))-less < margin {
			return 0, false
		}
	}
	return most / 100, true
}

// taps is the moments of the last adverts of a track that were heard at Tap,
// oldest first; never where there were fewer.
type taps [tapAdverts]time.Duration

var noTaps = taps{never, never, never}

// add records an advert at Tap. Reports closer than intervalMin are one advert
// reported twice.
func (p *taps) add(at time.Duration) {
	if p.newest() != never && at-p.newest() < tapApart {
		return
	}
	copy(p[:], p[1:])
	p[tapAdverts-1] = at
}

func (p *taps) newest() time.Duration { return p[tapAdverts-1] }

// tapped reports whether the device is held to the box, or was until just now.
func (s *track) tapped(now time.Duration) bool {
	return s.taps[0] != never && now-s.taps[0] <= tapSpan
}

// state records the power that an advert states. A device that states another one
// than before is not clear until what it stated before has left the window: else
// it could choose its strength from advert to advert.
func (s *track) state(power pay.RSSI, now time.Duration) {
	power = min(max(power, PowerMin), PowerMax)
	if power != s.stated {
		s.stated, s.variedAt, s.taps = power, now, noTaps
	}
}

// best returns the strength of the window that ends at now than which the share that b
// names is no stronger, in dBm, and of how many adverts it is. The newest sample always
// counts.
func (f *filter) best(now time.Duration, b Best) (pay.RSSI, int) {
	var sorted [filterSamples]pay.RSSI
	n := f.sort(&sorted, now, b.Window, filterSamples)
	return sorted[int(b.Share*float64(n-1)+0.5)], n
}

// bestAtMost returns how strong the device may be at its best, in dBm, given of
// how many adverts that is known.
func (f *filter) bestAtMost(now time.Duration, b Best) pay.RSSI {
	best, n := f.best(now, b)
	switch {
	case n <= 1:
		return saturate(int(best) + int(b.One))
	case n <= bestFew:
		return saturate(int(best) + int(b.Few))
	}
	return best
}
