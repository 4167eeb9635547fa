package node

import (
	"testing"
	"time"
	_ "time/tzdata" // the zones below, on any machine

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

func TestDayOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ day, zone, from, until string }{
		{"2026-11-28", "UTC", "2026-11-28T00:00:00.000Z", "2026-11-29T00:00:00.000Z"},
		{"2026-11-28", "Asia/Seoul", "2026-11-27T15:00:00.000Z", "2026-11-28T15:00:00.000Z"},
		{"2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"},    // 23 hours
		{"2026-10-25", "Europe/Berlin", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"},    // 25 hours
		{"2026-03-08", "America/Havana", "2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z"},   // midnight is left out
		{"2026-11-01", "America/Havana", "2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z"},   // midnight comes twice
		{"2026-12-31", "Pacific/Chatham", "2026-12-30T10:15:00.000Z", "2026-12-31T10:15:00.000Z"},  // 13:45 ahead
		{"2011-12-30", "Pacific/Apia", "2011-12-30T10:00:00.000Z", "2011-12-30T10:00:00.000Z"},     // a day that was left out
		{"2024-02-29", "America/St_Johns", "2024-02-29T03:30:00.000Z", "2024-03-01T03:30:00.000Z"}, // a leap day
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, until, err := dayOf(tc.day, zone)
		if err != nil || from.String() != tc.from || until.String() != tc.until {
			t.Errorf("%s in %s: from %s until %s, %v", tc.day, tc.zone, from, until, err)
		}
	}
	for _, day := range []string{"", "today", "2026-02-29", "2026-1-2", "26-01-02", "2026-01-02T00:00:00Z", "0001-01-01", "9999-12-31", "2026-01-02 "} {
		if _, _, err := dayOf(day, time.UTC); pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%q: %v", day, err)
		}
	}
}

// Days follow one another without a gap, each of at most 25 hours, in every zone.
func TestDaysFollowOneAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{
			"Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "America/Asuncion", "Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Pacific/Apia",
		}).Draw(rt, "zone"))
		if err != nil {
			rt.Fatal(err)
		}
		date := time.Date(rapid.IntRange(1972, 2037).Draw(rt, "year"), 1, rapid.IntRange(1, 366).Draw(rt, "day"), 0, 0, 0, 0, time.UTC)
		from, until, err := dayOf(date.Format(time.DateOnly), zone)
		next, _, err2 := dayOf(date.AddDate(0, 0, 1).Format(time.DateOnly), zone)
		if err != nil || err2 != nil || next != until || until < from || until.Sub(from) > pay.MillisOf(25*time.Hour) {
			rt.Fatalf("%s: from %s until %s, the next begins %s", date.Format(time.DateOnly), from, until, next)
		}
		for _, at := range []pay.Time{from, until - 1} {
			if got := at.Std().In(zone).Format(time.DateOnly); until > from && got != date.Format(time.DateOnly) {
				rt.Fatalf("%s lies on %s, not on %s", at, got, date.Format(time.DateOnly))
			}
		}
	})
}
