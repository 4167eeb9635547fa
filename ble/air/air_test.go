package air_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/pay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shortDir returns a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "air")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func open(t *testing.T, o air.Options) *air.Air {
	t.Helper()
	a, err := air.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// heard is a copy of an advert, valid after the call that delivered it.
type heard struct {
	address ble.Address
	rssi    pay.RSSI
	known   bool
	payload string
	at      time.Time
}

// listen scans until the test ends and delivers the adverts.
func listen(t *testing.T, a *air.Air) <-chan heard {
	t.Helper()
	out := make(chan heard, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- a.Scan(ctx, func(ad ble.Advert) {
			payload, err := ble.AppendPayload(nil, ad.Sections)
			if err != nil {
				t.Error(err)
			}
			out <- heard{ad.Address, ad.RSSI, ad.HasRSSI, string(payload), ad.At}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("scan ended with %v", err)
		}
	})
	return out
}

// payload is one section, so that it reads back as it was written.
var payload = []byte{5, 0xFF, 0xFF, 0xFF, 'h', 'i'}

func TestOneSendsAllOthersHear(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortDir(t), "new")
	clock := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	now := func() time.Time { return clock }
	sender := open(t, air.Options{Dir: dir})
	first, second := listen(t, open(t, air.Options{Dir: dir, Now: now})), listen(t, open(t, air.Options{Dir: dir, Now: now}))
	own := listen(t, sender)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info, err)
	}
	from := ble.Address{1, 2, 3, 4, 5, 6}
	for _, rssi := range []pay.RSSI{-58, -127, 20, 127} {
		if err := sender.Send(from, rssi, payload); err != nil {
			t.Fatal(err)
		}
		want := heard{from, rssi, true, string(payload), clock}
		if rssi == 127 {
			want.rssi, want.known = 0, false
		}
		for _, c := range []<-chan heard{first, second} {
			if got := <-c; got != want {
				t.Errorf("have %+v, want %+v", got, want)
			}
		}
	}
	select {
	case h := <-own:
		t.Errorf("the sender heard itself: %+v", h)
	default:
	}
}

func TestAdvertiseRepeatsFromAFreshAddress(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	sender := open(t, air.Options{Dir: dir, RSSI: -47})
	adverts := listen(t, open(t, air.Options{Dir: dir}))
	seen := map[ble.Address]bool{}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- sender.Advertise(ctx, payload, time.Millisecond) }()
		a := <-adverts
		b := <-adverts
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if a.address != b.address || a.rssi != -47 || a.payload != string(payload) {
			t.Errorf("round %d: %+v then %+v", round, a, b)
		}
		if seen[a.address] || a.address[0]&0xC0 != 0 {
			t.Errorf("round %d: address %v is not fresh and private", round, a.address)
		}
		seen[a.address] = true
		// After the return nothing of it is sent: one from elsewhere closes it.
		end := ble.Address{0xFF, byte(round)}
		if err := sender.Send(end, -1, payload); err != nil {
			t.Fatal(err)
		}
		for h := range adverts {
			if h.address == end {
				break
			}
		}
	}
}

func TestFirstAdvertDoesNotWait(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	sender := open(t, air.Options{Dir: dir})
	adverts := listen(t, open(t, air.Options{Dir: dir}))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- sender.Advertise(ctx, payload, 24*time.Hour) }()
	<-adverts
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestGarbageIsCountedAndIgnored(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	receiver := open(t, air.Options{Dir: dir})
	adverts := listen(t, receiver)
	good := append([]byte("pba1\x01\x02\x03\x04\x05\x06\xC4"), payload...)
	garbage := map[string][]byte{
		"empty":         {},
		"text":          []byte("hello"),
		"other version": append([]byte("pba2"), good[4:]...),
		"too long":      append(bytes.Clone(good[:11]), make([]byte, 32)...),
		"huge":          bytes.Repeat([]byte("pba1"), 500),
		"broken":        good[:len(good)-1],
	}
	for n := range 12 { // every beginning that cannot hold a payload
		garbage["prefix "+string(rune('a'+n))] = good[:n]
	}
	conn, err := net.ListenPacket("unixgram", filepath.Join(dir, "stranger"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	to := socketsIn(t, dir)
	for name, d := range garbage {
		if _, err := conn.WriteTo(d, &net.UnixAddr{Name: to[0], Net: "unixgram"}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if _, err := conn.WriteTo(good, &net.UnixAddr{Name: to[0], Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	if h := <-adverts; h.rssi != -60 || h.payload != string(payload) {
		t.Errorf("after the garbage: %+v", h)
	}
	if got := receiver.Garbage(); got != uint64(len(garbage)) {
		t.Errorf("%d counted of %d", got, len(garbage))
	}
}

// TestAnOddAdvertIsHeard sends a code with half a structure behind it: the code is
// heard.
func TestAnOddAdvertIsHeard(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	sender, adverts := open(t, air.Options{Dir: dir}), listen(t, open(t, air.Options{Dir: dir}))
	if err := sender.Send(ble.Address{1}, -50, append(bytes.Clone(payload), 9, 0xFF, 1)); err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(ble.Address{2}, -50, payload); err != nil {
		t.Fatal(err)
	}
	if h := <-adverts; h.address != (ble.Address{1}) || h.payload != string(payload) {
		t.Errorf("heard %+v", h)
	}
}

func socketsIn(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.air"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestFullReceiverIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	sender := open(t, air.Options{Dir: dir})
	open(t, air.Options{Dir: dir}) // never scans
	adverts := listen(t, open(t, air.Options{Dir: dir}))
	for range 5000 { // more than any queue holds
		if err := sender.Send(ble.Address{}, -50, payload); err != nil {
			t.Fatal(err)
		}
		<-adverts // while the other one hears every one
	}
}

func TestDeadSocketsAreRemoved(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	sender := open(t, air.Options{Dir: dir})
	dead := filepath.Join(dir, "dead.air")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dead, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	notes := filepath.Join(dir, "notes.air")
	if err := os.WriteFile(notes, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sender.Send(ble.Address{}, -50, payload); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dead socket is still there: %v", err)
	}
	if _, err := os.Lstat(notes); err != nil {
		t.Errorf("a file that is no socket was touched: %v", err)
	}
	if n := len(socketsIn(t, dir)); n != 2 {
		t.Errorf("%d files left, want the sender's socket and the notes", n)
	}
}

func TestPayloadSize(t *testing.T) {
	t.Parallel()
	a := open(t, air.Options{Dir: shortDir(t)})
	for _, n := range []int{0, ble.LegacyBytesMax + 1} {
		if err := a.Advertise(t.Context(), make([]byte, n), time.Second); err == nil {
			t.Errorf("%d bytes were sent", n)
		}
	}
	if err := a.Send(ble.Address{}, -50, make([]byte, ble.LegacyBytesMax)); err != nil {
		t.Errorf("the longest payload: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(shortDir(t), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir  string
		want pay.ErrorCode
	}{
		"no folder":     {"", pay.CodeConfig},
		"path too long": {filepath.Join(shortDir(t), strings.Repeat("x", 90)), pay.CodeConfig},
		"a file":        {file, pay.CodeRadio},
		"below a file":  {filepath.Join(file, "air"), pay.CodeRadio},
	} {
		_, err := air.Open(air.Options{Dir: c.dir})
		var pe *pay.Error
		if !errors.As(err, &pe) || pe.Code != c.want || pe.Hint == "" {
			t.Errorf("%s: have %v, want %s with a hint", name, err, c.want)
		}
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	a, err := air.Open(air.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Scan(context.Background(), func(ble.Advert) {}) }()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; pay.CodeOf(err) != pay.CodeRadio {
		t.Errorf("a scan of a closed radio ended with %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzDatagram reads any bytes as a datagram.
func FuzzDatagram(f *testing.F) {
	f.Add([]byte("pba1\x01\x02\x03\x04\x05\x06\xC4\x05\xFF\xFF\xFFhi"))
	f.Add([]byte("pba1"))
	f.Fuzz(func(t *testing.T, d []byte) {
		if err := air.TryDatagram(d); err != nil {
			t.Fatal(err)
		}
	})
}
