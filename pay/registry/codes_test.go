package registry_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

// resolves sends a request for a code that was heard age ago. It reports whether
// the request found its device, and returns the reason when not.
func (c *counter) resolves(code pay.Code, age pay.Millis) (bool, string) {
	c.Helper()
	r := c.requestFrom(c.shop, code, 1)
	r.TTL = pay.RequestTTLMax
	f := c.sign(c.shop.key, r)
	c.push(age, f)
	d, _ := c.last(c.shop.status.Scope, f)
	delete(c.feeds, c.shop.status.Scope)
	switch {
	case d.State == pay.StateOffered || d.Reason == pay.ReasonTooManyPrompts || d.Reason == pay.ReasonPayerCannotAnswer:
		return true, ""
	case d.State == pay.StateUnmatched && (d.Reason == pay.ReasonUnknownCode || d.Reason == pay.ReasonOutOfStep):
		return false, string(d.Reason)
	}
	c.Fatalf("is %s %s", d.State, d.Reason)
	return false, ""
}

// accepts reports whether the step of the moment made may be accepted at the
// moment heard, as DESIGN defines the life of a code.
func accepts(d *device, paired, made, heard pay.Time) bool {
	length := pay.Millis(d.k.Seconds()) * 1000
	began := paired.Add((pay.Millis(d.k.Start(d.k.Step(d.at(made)))) - pay.Millis(d.at(paired))) * 1000)
	g := min(pay.DriftBase+heard.Sub(paired)*pay.DriftPerMillion/1_000_000, length)
	return heard >= began.Add(-g) && heard < began.Add(length+pay.StepSlack+g)
}

// TestReplay records codes and plays them again later, up to 10^6 s, and
// earlier than they were made: none is accepted outside its window, with and
// without tables.
func TestReplay(t *testing.T) {
	t.Parallel()
	for _, k := range []pay.Exponent{0, 1, 6, 10} {
		for _, tables := range []bool{false, true} {
			t.Run(fmt.Sprintf("K=%d tables=%v", k, tables), func(t *testing.T) {
				t.Parallel()
				c := newCounter(t)
				d := newDevice("replayed", k)
				c.pair(d, c.payer)
				inside, outside := 0, 0
				play := func(made, heard pay.Time, age pay.Millis) {
					c.now = heard.Add(age)
					if tables {
						c.refresh()
					}
					want := accepts(d, start, made, heard)
					got, why := c.resolves(d.code(made), age)
					if got != want {
						t.Fatalf("made at +%d ms, heard at +%d ms, told %d ms later: found %v (%s), want %v", made-start, heard-start, age, got, why, want)
					}
					if got {
						inside++
					} else {
						outside++
					}
				}
				for made := start.Add(200_000); made < start.Add(200_000+3*64_000); made += 21_337 {
					for _, late := range []pay.Millis{0, 1, 2, 5, 7, 9, 12, 14, 20, 40, 64, 72, 77, 78, 90, 128, 600, 1_000, 3_600, 86_400, 1_000_000} {
						play(made, made.Add(late*1000), 0)
					}
					play(made, made.Add(-4_000), 0)
					play(made, made.Add(-70_000), 0)
					play(made, made.Add(2_000), 300_000)
					play(made, made.Add(300_000), 800_000)
				}
				if inside == 0 || outside == 0 {
					t.Errorf("%d accepted, %d refused: the sweep shows nothing", inside, outside)
				}
			})
		}
	}
}

// TestWindowEdges holds the window to the millisecond.
func TestWindowEdges(t *testing.T) {
	t.Parallel()
	d := newDevice("edge", 6)
	d.counter = 64_000 // a step begins at start
	code := d.code(start)
	for offset, want := range map[pay.Millis]bool{
		-5_001: false, -5_000: true, 0: true, 64_000: true, 64_000 + 8_000 + 5_010: true, 64_000 + 8_000 + 5_011: false,
	} {
		c := newCounter(t)
		c.pair(d, c.payer)
		c.now = start.Add(offset)
		if got, why := c.resolves(code, 0); got != want {
			t.Errorf("%d ms after its step began: found %v (%s), want %v", offset, got, why, want)
		}
	}
}

// TestDriftSweep moves a device's clock by up to an hour: beyond its window it
// is refused and its codes are called out of step while they are within reach;
// a new mapping heals it.
func TestDriftSweep(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{-3600, -1300, -1100, -600, -80, -20, -1, 0, 1, 20, 80, 600, 1100, 1300, 3600} {
		t.Run(fmt.Sprint(seconds), func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			d := newDevice("drifting", 6)
			d.counter = 64_032 // the middle of a step
			c.pair(d, c.payer)
			c.now = c.now.Add(10 * 64_000)
			honest := *d
			d.counter = pay.Counter(int(d.counter) + seconds)
			want := accepts(&honest, start, c.now.Add(pay.Millis(seconds)*1000), c.now)
			got, why := c.resolves(d.code(c.now), 0)
			if got != want {
				t.Fatalf("found %v (%s), want %v", got, why, want)
			}
			near := max(seconds, -seconds) < int(pay.OutOfStepReachMax/1000)
			if !got && (why == "out_of_step") != near {
				t.Errorf("refused as %s", why)
			}
			c.now = c.now.Add(200_000)
			refused := c.push(0, c.mapping(d, c.payer, c.bind(d, c.payer, c.now)))
			if back := d.at(c.now) < honest.at(start); (refused == pay.ReasonOutOfStep) != back {
				t.Fatalf("mapped anew: %q", refused)
			} else if back {
				return
			}
			if got, why := c.resolves(d.code(c.now), 0); !got {
				t.Errorf("mapped anew: %s", why)
			}
		})
	}
}

// TestDriftIsLearned: a device that is used keeps being found however long its
// clock runs wrong; one that is not used is lost.
func TestDriftIsLearned(t *testing.T) {
	t.Parallel()
	for _, ppm := range []int64{-140, -50, 50, 140} {
		for _, used := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d ppm used=%v", ppm, used), func(t *testing.T) {
				t.Parallel()
				c := newCounter(t)
				c.topUp(c.payer, 1_000_000)
				d := newDevice("wrong", 6)
				d.ppm = ppm
				c.pair(d, c.payer)
				got := ""
				for day := range 60 {
					c.now = start.Add(pay.Millis(day+1)*86_400_000 + pay.Millis(day)*7_919)
					if !used && day < 59 {
						continue
					}
					if day%7 == 3 {
						c.reg = c.newRegistry()
						c.refresh()
					}
					f := c.charge(c.shop, d, 1)
					if got = c.says(c.shop, f); got != "offered" {
						break
					}
					c.answer(c.payer, f, pay.Approve, pay.ByHand)
				}
				if (got == "offered") != used {
					t.Errorf("in the end: %s", got)
				}
				if res := c.audit(); !res.OK {
					t.Errorf("audit: %+v", res)
				}
			})
		}
	}
}

// TestLateReplaysCannotDrag: somebody who replays each code as late as it is
// accepted, without the owner's approval, does not move the window.
func TestLateReplaysCannotDrag(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	d := newDevice("dragged", 6)
	c.pair(d, c.payer)
	for i := range 200 {
		made := start.Add(pay.Millis(i) * 7_200_000)
		c.now = made.Add(64_000)
		if got, _ := c.resolves(d.code(made), 0); got != accepts(d, start, made, c.now) {
			t.Fatalf("replay %d: found %v", i, got)
		}
	}
}

// TestTwoDevicesOfOneCode is ambiguous and prompts nobody. It takes a row that
// no mapping can make.
func TestTwoDevicesOfOneCode(t *testing.T) {
	t.Parallel()
	for _, tables := range []bool{false, true} {
		c := newCounter(t)
		twin := newDevice("twin", 6)
		c.pair(twin, c.other)
		first, _, _ := c.mem.Get(sourceRowKey(1))
		second, _, _ := c.mem.Get(sourceRowKey(2))
		c.must(c.mem.Put(sourceRowKey(2), append(second[:32:32], first[32:]...)))
		if tables {
			c.refresh()
		}
		before := len(c.feeds[c.payer.status.Scope]) + len(c.feeds[c.other.status.Scope])
		if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "ambiguous" {
			t.Errorf("tables %v: %s", tables, got)
		}
		if after := len(c.feeds[c.payer.status.Scope]) + len(c.feeds[c.other.status.Scope]); after != before {
			t.Error("a wallet heard of it")
		}
	}
}

func sourceRowKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte("c/"), n) }

// TestTablesChangeNothing maps, revokes and charges at random, with the tables
// at any state of repair: what is found is what is found without tables.
func TestTablesChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := newCounter(t)
		bare := c.newRegistry()
		devices := []*device{c.beacon}
		for range rapid.IntRange(5, 25).Draw(t, "steps") {
			c.now = c.now.Add(pay.Millis(rapid.SampledFrom([]int{1, 900, 5_000, 40_000, 400_000}).Draw(t, "later")))
			d := rapid.SampledFrom(devices).Draw(t, "device")
			switch rapid.IntRange(0, 5).Draw(t, "act") {
			case 0:
				devices = append(devices, newDevice(fmt.Sprint(len(devices)), pay.Exponent(rapid.IntRange(0, 7).Draw(t, "K"))))
				c.push(0, c.mapping(devices[len(devices)-1], c.payer, c.bind(devices[len(devices)-1], c.payer, c.now)))
			case 1:
				c.push(0, c.mapping(d, c.payer, c.bind(d, c.payer, c.now)))
			case 2:
				c.serial++
				c.push(0, c.sign(c.payer.key, pay.Revoke{Device: d.key.ID(), Created: pay.Time(c.serial)}))
			case 3:
				c.refresh()
			default:
				age := pay.Millis(rapid.SampledFrom([]int{0, 3_000, 50_000, 700_000}).Draw(t, "age"))
				heard := c.now.Add(-age)
				made := heard.Add(pay.Millis(rapid.IntRange(-1_500, 1_500).Draw(t, "made")) * 1000)
				// Beyond that, how far one looks for the reason depends on how many codes
				// there are.
				made = min(max(made, c.now.Add(-pay.OutOfStepReach), start), c.now.Add(pay.OutOfStepReach))
				r := c.requestFrom(c.shop, d.code(made), 1)
				r.TTL = pay.RequestTTLMax
				in := pay.ClaimArrived{Fact: c.sign(c.shop.key, r), Age: age}
				want, err := bare.React(c.mem.trial(), c.now, in)
				c.must(err)
				got := c.react(in)
				if fmt.Sprint(want) != fmt.Sprint(got) {
					t.Fatalf("with tables %v, without %v", got, want)
				}
			}
		}
		c.auditOK()
	})
}

// TestNewDevicesResolveAtOnce has devices mapped before and after each build.
func TestNewDevicesResolveAtOnce(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.refresh()
	var devices []*device
	for i := range 8 {
		d := newDevice(fmt.Sprint(i), 6)
		devices = append(devices, d)
		c.pair(d, c.payer)
		for _, d := range devices {
			if got, why := c.resolves(d.code(c.now), 0); !got {
				t.Fatalf("%d mapped, the last not in a table: %s", i+1, why)
			}
		}
		c.now = c.now.Add(1_000)
		if i%3 != 1 {
			c.refresh()
		}
		for _, d := range devices {
			if got, why := c.resolves(d.code(c.now), 0); !got {
				t.Fatalf("%d mapped: %s", i+1, why)
			}
		}
	}
}

// TestDeletedSourceComesBack: an engine may show a deleted row again. The codes
// of a mapping that is over stay unknown.
func TestDeletedSourceComesBack(t *testing.T) {
	t.Parallel()
	for _, tables := range []bool{false, true} {
		c := newCounter(t)
		old := *c.beacon
		raw, _, _ := c.mem.Get(sourceRowKey(1))
		c.now = c.now.Add(600_000)
		c.beacon.counter += 100_000
		c.pair(c.beacon, c.payer)
		c.must(c.mem.Put(sourceRowKey(1), raw))
		if tables {
			c.refresh()
		}
		if got, _ := c.resolves(old.code(c.now), 0); got {
			t.Errorf("tables %v: a code of the mapping before was found", tables)
		}
		if got, why := c.resolves(c.beacon.code(c.now), 0); !got {
			t.Errorf("tables %v: a code of the mapping now: %s", tables, why)
		}
	}
}

// TestRunCodes keeps the tables ahead of time until its context ends, and goes
// on when a snapshot fails.
func TestRunCodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCounter(t)
		began, views, failed, snapshot := time.Now(), 0, 0, c.mem.clone()
		now := func() pay.Time { return start.Add(pay.MillisOf(time.Since(began))) }
		view := func(ctx context.Context, fn func(pay.Rows) error) error {
			if views++; views == 2 {
				failed++
				return fmt.Errorf("no snapshot today")
			}
			return fn(snapshot)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.reg.RunCodes(ctx, view, now) }()
		for range 90 {
			time.Sleep(time.Second)
			synctest.Wait()
			c.now = now()
			if got, why := c.resolves(c.beacon.code(c.now), 0); !got {
				t.Fatalf("after %v: %s", time.Since(began), why)
			}
		}
		cancel()
		if err := <-done; err != nil || failed != 1 || views < 20 {
			t.Errorf("ended with %v after %d views, %d failed", err, views, failed)
		}
	})
}
