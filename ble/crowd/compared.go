package crowd

import (
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Compared are the product's rule, first, and rules that each differ from it in one
// thing: what it would be without that, or with more or less of it. Each is named by
// what it has instead. "the middle alone" has neither a level of its own for clear nor
// taps, and compares the middle strength of two seconds. Of a device at ten adverts a
// second the best of 8 s is that of 6.4 s, because a tracker keeps no more of it.
func Compared() []Contender {
	best := func(change func(b *ble.Best)) ble.TrackerOptions {
		b := ble.BestDefault()
		change(&b)
		return ble.TrackerOptions{Best: b}
	}
	return []Contender{
		Tracker("product", ble.TrackerOptions{}),
		Tracker("the middle alone", ble.TrackerOptions{Clear: ble.NearDefault, Tap: ble.TapOff, Best: ble.Best{Window: 2 * time.Second, Share: 0.5}}),
		Tracker("no level of its own", ble.TrackerOptions{Clear: ble.NearDefault}),
		Tracker("a lead of 3 dB", ble.TrackerOptions{Margin: 3}),
		Tracker("a lead of 9 dB", ble.TrackerOptions{Margin: 9}),
		Tracker("the best of 2 s", best(func(b *ble.Best) { b.Window = 2 * time.Second })),
		Tracker("the best of 8 s", best(func(b *ble.Best) { b.Window = 8 * time.Second })),
		Tracker("the strongest advert of 4 s", best(func(b *ble.Best) { b.Share = 1 })),
		Tracker("the 75 % point", best(func(b *ble.Best) { b.Share = 0.75 })),
		Tracker("few adverts as they are", best(func(b *ble.Best) { b.One, b.Few = 0, 0 })),
		Tracker("no taps", ble.TrackerOptions{Tap: ble.TapOff}),
		Tracker("a tap 6 dB weaker", ble.TrackerOptions{Tap: ble.TapDefault - pay.RSSI(6)}),
	}
}
