package device_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// TestOnAirTellsWhatIsOnTheAir: at any moment the wallet is told the code that is
// broadcast, and the code changes when it was said to.
func TestOnAirTellsWhatIsOnTheAir(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, 65_282_000)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		d := b.open(t, s, time.Now)
		meet := func(by byte) (pay.Code, pay.Millis, error) {
			return d.Meet(key(t, by).Public(), exporter).OnAir()
		}
		_, _, err := meet(1)
		wantCode(t, "before it runs", err, pay.CodeRadio)
		stop := running(t, d, b)
		for range 40 {
			synctest.Wait()
			_, now := b.air()
			c, stays, err := meet(1)
			if err != nil || c != now || stays <= 0 || stays > 66_000 {
				t.Fatalf("told %v for %d ms, error %v, while %v is on the air", c, stays, err, now)
			}
			_, _, err = meet(2)
			wantCode(t, "another wallet", err, pay.CodeBound)
			time.Sleep((stays - 1).Std())
			synctest.Wait()
			if again, rest, _ := meet(1); again != c || rest != 1 {
				t.Errorf("%v for %d ms, a moment before %v ends", again, rest, c)
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			if next, _, _ := meet(1); next == c {
				t.Errorf("%v is still on the air", c)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		_, _, err = meet(1)
		wantCode(t, "after it has run", err, pay.CodeRadio)
	})
}

// TestOnAirIsSilentWhileBroadcastsFail: no words are told that no till can hear.
func TestOnAirIsSilentWhileBroadcastsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, 65_282_000)
		s.At = pay.TimeOf(time.Now())
		a := &weakAir{bench: &bench{}, breaks: make(chan struct{})}
		d := a.open(t, s, time.Now)
		stop := running(t, d, a)
		time.Sleep(20 * time.Second)
		a.set(errGone)
		a.breaks <- struct{}{}
		time.Sleep(100 * time.Second)
		synctest.Wait()
		_, _, err := d.Meet(key(t, 1).Public(), exporter).OnAir()
		wantCode(t, "without a radio", err, pay.CodeRadio)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}
