package node

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

// near lets a device be heard near by h, now.
func near(h *radio.Hearing, code byte) {
	for n := range 30 {
		a := ble.Advert{At: time.Now().Add(time.Duration(n-30) * 100 * time.Millisecond)}
		a.SetRSSI(-45)
		a.Sections, _ = ble.ParsePayload(nil, ble.AppendEID(nil, pay.Code{code}, ble.PowerReference))
		h.Hear(a)
	}
}

// TestDeafRadioIsTold follows a box whose radio goes deaf and hears again.
func TestDeafRadioIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &Box{air: radio.NewHearing(ble.TrackerOptions{Lane: "1"}, time.Now), events: events.NewLog(time.Now, events.Feed{})}
		near(b.air, 1)
		if n := b.nearby(); n.Radio != api.RadioOK || n.Clear == nil || n.RadioWhy != "" || n.AdvertsPerSecond == 0 {
			t.Fatalf("hearing: %+v", n)
		}
		const why = "nothing was heard for 10 s; discovery was started anew"
		for range 5 { // told each second, news once
			b.heed(ble.Health{Deaf: true, Why: why})
		}
		n := b.nearby()
		if n.Radio != api.RadioDeaf || n.Clear != nil || n.RadioWhy != why || n.AdvertsPerSecond != 0 {
			t.Errorf("deaf: %+v", n)
		}
		_, err := b.pick(t.Context(), "")
		if e := api.Describe(err); e.Code != pay.CodeNobodyNear || !strings.Contains(e.Hint, "doctor") {
			t.Errorf("charging the nearest: %+v", e)
		}
		b.heed(ble.Health{Rate: 12.34, Why: "BlueZ offers no advertisement monitors"})
		b.heed(ble.Health{Rate: 12.34})
		b.heed(ble.Health{Rate: 99})
		if n := b.nearby(); n.Radio != api.RadioOK || n.RadioWhy != "" || n.AdvertsPerSecond != 99 {
			t.Errorf("hearing again: %+v", n)
		}
		answer, err := b.events.Read(context.Background(), api.EventsRequest{Last: 9})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, e := range answer.Items {
			told = append(told, e.Radio+" "+e.RadioWhy)
		}
		if got := strings.Join(told, "; "); got != "deaf "+why+"; ok BlueZ offers no advertisement monitors; ok " {
			t.Errorf("events: %s", got)
		}
	})
}
