package replay_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/pay"
)

var update = flag.Bool("update", false, "write testdata/capture anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const captures = "../../testdata/capture"

var start = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

// played is a copy of an advert, valid after the call that delivered it.
type played struct {
	after   time.Duration
	address ble.Address
	rssi    pay.RSSI
	known   bool
	code    pay.Code
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *replay.Replay {
	t.Helper()
	r, err := replay.Open(replay.Options{File: path})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// play runs the capture for length and returns its adverts. It must run in a
// synctest bubble.
func play(t *testing.T, path string, length time.Duration) (out []played) {
	t.Helper()
	r := open(t, path)
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	err := r.Scan(ctx, func(a ble.Advert) {
		p := played{after: a.At.Sub(begin), address: a.Address, rssi: a.RSSI, known: a.HasRSSI}
		for _, s := range a.Sections {
			if f, err := ble.ParseFrame(s); err == nil {
				p.code = f.Code
			}
		}
		out = append(out, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took != length {
		t.Errorf("ended after %v, want %v", took, length)
	}
	return out
}

func eid(code pay.Code) string { return fmt.Sprintf("%x", ble.AppendEID(nil, code, -59)) }

func TestPlaysAsItHappened(t *testing.T) {
	t.Parallel()
	a, b := pay.Code{1}, pay.Code{2}
	path := write(t, `{"t":0,"address":"01:00:00:00:00:0A","rssi":-58,"adv":"`+eid(a)+`"}

{"t":250,"address":"01:00:00:00:00:0A","adv":"`+eid(a)+`","later":"keys are stepped over"}
{"t":250,"address":"02:00:00:00:00:0b","rssi":-90,"adv":"`+eid(b)+`"}
{"t":60000,"address":"02:00:00:00:00:0b","rssi":-91,"adv":"020106"}
`)
	synctest.Test(t, func(t *testing.T) {
		got := play(t, path, 2*time.Minute)
		want := []played{
			{0, ble.Address{1, 0, 0, 0, 0, 10}, -58, true, a},
			{250 * time.Millisecond, ble.Address{1, 0, 0, 0, 0, 10}, 0, false, a},
			{250 * time.Millisecond, ble.Address{2, 0, 0, 0, 0, 11}, -90, true, b},
			{time.Minute, ble.Address{2, 0, 0, 0, 0, 11}, -91, true, pay.Code{}},
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("have %v\nwant %v", got, want)
		}
	})
}

func TestScanEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	path := write(t, `{"t":0,"address":"01:00:00:00:00:0A","adv":"020106"}
{"t":3600000,"address":"01:00:00:00:00:0A","adv":"020106"}
`)
	synctest.Test(t, func(t *testing.T) {
		if got := play(t, path, time.Second); len(got) != 1 {
			t.Errorf("have %v", got)
		}
	})
}

func TestEmptyCaptureIsSilence(t *testing.T) {
	t.Parallel()
	path := write(t, "")
	synctest.Test(t, func(t *testing.T) {
		if got := play(t, path, time.Hour); got != nil {
			t.Errorf("have %v", got)
		}
	})
}

func TestCaptureThatChangesLater(t *testing.T) {
	t.Parallel()
	path := write(t, `{"t":0,"address":"01:00:00:00:00:0A","adv":"020106"}`)
	r := open(t, path)
	if err := os.WriteFile(path, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Scan(t.Context(), func(ble.Advert) {}); pay.CodeOf(err) != pay.CodeRadio {
		t.Errorf("have %v", err)
	}
}

func TestWhatIsRecordedPlays(t *testing.T) {
	t.Parallel()
	var capture bytes.Buffer
	w := replay.NewWriter(&capture)
	a := ble.Advert{At: start, Address: ble.Address{1, 2, 3, 4, 5, 6}}
	a.SetRSSI(-64)
	a.Sections = []ble.Section{
		{Kind: ble.ManufacturerData, ID: 0xFFFF, Data: []byte{1}},
		{Kind: ble.ServiceData, ID: ble.ServiceUUID, Data: []byte{0x30, 0, 1, 2, 3, 4, 5, 6, 7, 8}},
	}
	b := a
	b.At, b.HasRSSI = start.Add(1500*time.Millisecond), false
	early := a
	early.At = start.Add(time.Second)
	for _, x := range []ble.Advert{a, {At: start}, b, early} {
		if err := w.Write(x); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		code := pay.Code{1, 2, 3, 4, 5, 6, 7, 8}
		got := play(t, write(t, capture.String()), time.Minute)
		want := []played{
			{0, a.Address, -64, true, code},
			{1500 * time.Millisecond, a.Address, 0, false, code},
			{1500 * time.Millisecond, a.Address, -64, true, code},
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("have %v\nwant %v", got, want)
		}
	})
	for range ble.PayloadBytesMax / 200 {
		a.Sections = append(a.Sections, ble.Section{Kind: ble.ServiceData, Data: make([]byte, 200)})
	}
	if err := w.Write(a); err == nil {
		t.Error("a payload that cannot be read back was recorded")
	}
}

// device is one device of the sample captures.
type device struct {
	key      pay.IdentityKey
	k        pay.Exponent
	counter  pay.Counter // at the beginning of the capture
	rssi     int
	from, to time.Duration
	phase    time.Duration
}

// record simulates devices that advertise every 250 ms and writes the adverts
// that a box hears.
func record(t *testing.T, seed uint64, length time.Duration, devices ...device) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	addresses := map[pay.Code]ble.Address{}
	var out bytes.Buffer
	w := replay.NewWriter(&out)
	for at := time.Duration(0); at <= length; at += 10 * time.Millisecond {
		for _, d := range devices {
			if at < d.from || at > d.to || (at+d.phase)%(250*time.Millisecond) != 0 {
				continue
			}
			code := pay.CodeAt(d.key, d.k, d.k.Step(d.counter+pay.Counter(at/time.Second)))
			address, ok := addresses[code]
			if !ok {
				var b [8]byte
				binary.BigEndian.PutUint64(b[:], r.Uint64())
				address = ble.Address(b[:6])
				address[0] &= 0x3F
				addresses[code] = address
			}
			a := ble.Advert{At: start.Add(at), Address: address}
			a.SetRSSI(d.rssi + r.IntN(5) - 2)
			a.Sections, _ = ble.ParsePayload(nil, ble.AppendEID(nil, code, ble.PowerReference))
			if err := w.Write(a); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out.Bytes()
}

// TestSampleCaptures plays the captures of testdata into a tracker. With
// -update it writes them first.
func TestSampleCaptures(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	near := device{key: pay.IdentityKey{1}, k: 2, counter: 65_276, rssi: -50, to: minute}
	second := device{key: pay.IdentityKey{2}, k: 2, counter: 100, rssi: -68, to: minute, phase: 120 * time.Millisecond}
	twin := second
	twin.rssi = -51
	for _, c := range []struct {
		name  string
		data  []byte
		codes int
		clear bool
		shown int
	}{
		// Two steps of 4 s, across the roll-over of the temporary key.
		{"two-steps.jsonl", record(t, 1, 8*time.Second-10*time.Millisecond, near), 2, true, 1},
		{"two-devices.jsonl", record(t, 2, 4*time.Second-10*time.Millisecond, near, second), 2, true, 2},
		{"too-close.jsonl", record(t, 3, 4*time.Second-10*time.Millisecond, near, twin), 2, false, 2},
	} {
		path := filepath.Join(captures, c.name)
		if *update {
			if err := os.WriteFile(path, c.data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(stored, c.data) {
			t.Errorf("%s is not what its recipe makes; run with -update and look at the difference", c.name)
		}
		synctest.Test(t, func(t *testing.T) {
			tracker := ble.NewTracker(ble.TrackerOptions{})
			codes := map[pay.Code]bool{}
			var last time.Time
			ctx, cancel := context.WithTimeout(t.Context(), minute)
			defer cancel()
			err := open(t, path).Scan(ctx, func(a ble.Advert) {
				tracker.Observe(a)
				f, err := ble.ParseFrame(a.Sections[0])
				if err != nil {
					t.Error(err)
				}
				codes[f.Code] = true
				last = a.At
			})
			if err != nil {
				t.Fatal(err)
			}
			n := tracker.Nearby(last)
			if len(codes) != c.codes || len(n.Candidates) != c.shown || (n.Clear != "") != c.clear {
				t.Errorf("%s: %d codes, %+v", c.name, len(codes), n)
			}
		})
	}
}
