package ble

import (
	"encoding/binary"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

// verify fails when the tracker's indexes disagree with its tracks.
func (t *Tracker) verify(fail func(string, ...any)) {
	used, pending, ranked, codes, handles := 0, 0, 0, 0, 0
	for i := range t.tracks {
		s := &t.tracks[i]
		if !s.used {
			continue
		}
		used++
		codes++
		if s.continued {
			codes++
			if t.byCode[s.former] != int32(i) {
				fail("former code of track %d leads elsewhere", i)
			}
		}
		if t.byCode[s.code] != int32(i) {
			fail("code of track %d leads elsewhere", i)
		}
		if s.pending {
			pending++
		}
		if (s.link.list >= 0) == s.near {
			fail("track %d: near %v, list %d", i, s.near, s.link.list)
		}
		if !s.near {
			ranked++
			if s.link.list != int32(s.rssi)+128 {
				fail("track %d of %d dBm stands in list %d", i, s.rssi, s.link.list)
			}
		}
		if s.handle != "" {
			handles++
			if t.handles.present[s.handle] != int32(i) {
				fail("handle of track %d leads elsewhere", i)
			}
		}
	}
	if used > t.max || used+len(t.free) != len(t.tracks) || codes != len(t.byCode) ||
		pending != len(t.rotation.pending) || handles != len(t.handles.present) {
		fail("used %d, max %d, free %d, tracks %d, codes %d/%d, pending %d/%d, handles %d/%d", used, t.max, len(t.free),
			len(t.tracks), codes, len(t.byCode), pending, len(t.rotation.pending), handles, len(t.handles.present))
	}
	if len(t.handles.left) > pay.CandidatesMax || len(t.handles.ring) > pay.CandidatesMax {
		fail("remembers %d handles", len(t.handles.left))
	}
	walked := 0
	for list := range t.notNear.head {
		for i := t.notNear.head[list]; i >= 0; i = t.tracks[i].link.next {
			walked++
		}
	}
	if walked != ranked {
		fail("%d tracks in lists, %d are not near", walked, ranked)
	}
}

func numbered(n int) (c pay.Code) {
	binary.BigEndian.PutUint64(c[:], uint64(n))
	return c
}

func TestTrackerStaysConsistent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		tracker := NewTracker(TrackerOptions{})
		tracker.max = rapid.IntRange(1, 12).Draw(r, "max")
		at := time.Unix(1_700_000_000, 0)
		pause := rapid.OneOf(rapid.IntRange(0, 60), rapid.IntRange(0, 600), rapid.IntRange(0, 10_000))
		for range rapid.IntRange(1, 300).Draw(r, "adverts") {
			at = at.Add(time.Duration(pause.Draw(r, "pause")) * time.Millisecond)
			a := Advert{At: at}
			a.SetRSSI(rapid.IntRange(-80, -30).Draw(r, "rssi"))
			a.Sections, _ = ParsePayload(nil, AppendEID(nil, numbered(rapid.IntRange(0, 20).Draw(r, "code")), PowerReference))
			tracker.Observe(a)
			tracker.verify(r.Fatalf)
			if rapid.IntRange(0, 5).Draw(r, "ask") == 0 {
				checkNearby(r, tracker.Nearby(at))
				tracker.verify(r.Fatalf)
			}
		}
	})
}

// checkNearby checks the properties of Nearby on which a till relies.
func checkNearby(r *rapid.T, n pay.Nearby) {
	handles := map[pay.Handle]bool{}
	for i, c := range n.Candidates {
		if handles[c.Handle] || c.Handle.Check() != nil {
			r.Fatalf("handle %q is bad or stands twice", c.Handle)
		}
		handles[c.Handle] = true
		if i > 0 && c.RSSI > n.Candidates[i-1].RSSI && c.Tapped == n.Candidates[i-1].Tapped || i > 0 && c.Tapped && !n.Candidates[i-1].Tapped {
			r.Fatalf("not strongest first: %+v", n.Candidates)
		}
	}
	if (n.Clear == "") != (n.Evidence == "") || n.Certain && n.Clear == "" {
		r.Fatalf("clear %q by %q, certain %v", n.Clear, n.Evidence, n.Certain)
	}
	if n.Clear == "" {
		return
	}
	if tapped := n.Evidence == pay.EvidenceTap; tapped != n.Candidates[0].Tapped || tapped && !n.Certain {
		r.Fatalf("clear by %q: %+v", n.Evidence, n.Candidates[0])
	} else if tapped {
		if n.Clear != n.Candidates[0].Handle || !n.Candidates[0].Near || len(n.Candidates) > 1 && n.Candidates[1].Tapped {
			r.Fatalf("tapped %q of %+v", n.Clear, n.Candidates)
		}
		return
	}
	first := n.Candidates[0]
	if n.Clear != first.Handle || !first.Near || first.RSSI < FarDefault {
		r.Fatalf("clear %q is not the first near one of %+v", n.Clear, n.Candidates)
	}
	if len(n.Candidates) > 1 && first.RSSI-n.Candidates[1].RSSI < MarginDefault {
		r.Fatalf("clear without a lead: %+v", n.Candidates)
	}
}

func TestFloodIsBoundedAndDoesNotHideAPerson(t *testing.T) {
	t.Parallel()
	tracker := NewTracker(TrackerOptions{})
	at := time.Unix(1_700_000_000, 0)
	person := numbered(1 << 40)
	sections := make([]Section, 0, 1)
	hear := func(c pay.Code, rssi int) {
		a := Advert{At: at}
		a.SetRSSI(rssi)
		a.Sections, _ = ParsePayload(sections[:0], AppendEID(nil, c, PowerReference))
		tracker.Observe(a)
	}
	for n := range 20_000 { // ten thousand a second
		at = at.Add(100 * time.Microsecond)
		hear(numbered(n), -60)
		if n%1000 == 0 {
			hear(person, -60) // no stronger than the flood
		}
	}
	tracker.verify(t.Fatalf)
	near := 0
	for _, c := range tracker.Nearby(at).Candidates {
		if c.Near {
			near++
			if c.Code != person {
				t.Errorf("code %v of the flood is near", c.Code)
			}
		}
	}
	if near != 1 || len(tracker.tracks) != pay.CandidatesMax {
		t.Errorf("%d near, %d tracked", near, len(tracker.tracks))
	}
}

func TestRotationsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	tracker := NewTracker(TrackerOptions{})
	at := time.Unix(1_700_000_000, 0)
	for n := range 400 { // 100 s in steps of 2 s
		at = at.Add(250 * time.Millisecond)
		a := Advert{At: at}
		a.SetRSSI(-50)
		a.Sections, _ = ParsePayload(nil, AppendEID(nil, numbered(n/8), PowerReference))
		tracker.Observe(a)
		tracker.verify(t.Fatalf)
	}
	c := tracker.Nearby(at).Candidates
	if len(c) != 1 || c[0].Handle != pay.HandleFor(numbered(49), 0) {
		t.Errorf("one device became %+v", c)
	}
	if len(tracker.byCode) > 3 { // current, former, pending
		t.Errorf("%d codes are remembered", len(tracker.byCode))
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		samples []pay.RSSI // 250 ms apart
		want    pay.RSSI
	}{
		"one":                      {[]pay.RSSI{-50}, -50},
		"of two the weaker":        {[]pay.RSSI{-50, -60}, -60},
		"the middle one":           {[]pay.RSSI{-50, -90, -55}, -55},
		"older than the window":    {[]pay.RSSI{-90, -90, -90, -90, -90, -50, -50, -50, -50, -50, -50, -50, -50}, -50},
		"more than the ring holds": {append(make([]pay.RSSI, 100), -50, -50, -50, -50, -50, -50, -50, -50, -50), -50},
	} {
		var f filter
		at := time.Duration(0)
		for _, s := range c.samples {
			at += 250 * time.Millisecond
			f.add(at, s)
		}
		if got := f.median(at); got != c.want {
			t.Errorf("%s: have %d, want %d", name, got, c.want)
		}
	}
}

// TestTrackSize: what a candidate costs is at most twice the 504 bytes that it cost
// while it kept two seconds of strengths.
func TestTrackSize(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(track{}); size > 2*504 {
		t.Errorf("a track takes %d bytes", size)
	} else {
		t.Logf("a track takes %d bytes, %d allowed", size, 2*504)
	}
}

func TestWeakestIsForgottenFirst(t *testing.T) {
	t.Parallel()
	tracker := NewTracker(TrackerOptions{})
	tracker.max = 3
	at := time.Unix(1_700_000_000, 0)
	for n, rssi := range []int{-80, -60, -70, -65, -64, -90} {
		a := Advert{At: at}
		a.SetRSSI(rssi)
		a.Sections, _ = ParsePayload(nil, AppendEID(nil, numbered(n), PowerReference))
		tracker.Observe(a)
	}
	for n, want := range []bool{false, true, false, true, true, false} {
		if _, ok := tracker.byCode[numbered(n)]; ok != want {
			t.Errorf("code %d is kept: %v, want %v", n, ok, want)
		}
	}
}
