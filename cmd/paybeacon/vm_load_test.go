//go:build vm && linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
	"github.com/paybeacon/paybeacon/ble/bluez/vhci"
	"github.com/paybeacon/paybeacon/pay"
)

// guestRotations changes the code as a tag does, over and over, and requires
// that nothing is left of it anywhere. Two adapters share the work.
func guestRotations(t *testing.T, g *guest) {
	r := g.newRadio(t, "-E")
	controllers := []*vhci.Controller{r.plug(extended), r.plug(another)}
	rotate := func(n int) {
		var parts errgroup.Group
		for i, c := range controllers {
			parts.Go(func() error { return rotate(t.Context(), c, n/len(controllers), i) })
		}
		if err := parts.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	rotate(100) // what is made once is made now
	g.stockSeesOne(t, r, controllers[0])
	before := g.takeStock(t, r)
	began := time.Now()
	rotate(*vmTurns)
	took := time.Since(began)
	after := g.takeStock(t, r)
	measured(t, "%d rotations, %.0f a second", *vmTurns, float64(*vmTurns)/took.Seconds())
	measured(t, "before: %v", before)
	measured(t, "after:  %v", after)
	if after.goroutines > before.goroutines || after.advertisements != 0 || after.objects > before.objects {
		t.Error("something was left behind")
	}
	const slackKB = 1024
	if after.heapKB > before.heapKB+slackKB || after.daemonKB > before.daemonKB+slackKB || after.busKB > before.busKB+slackKB {
		t.Error("memory grew by more than a MiB")
	}
}

// stockSeesOne makes sure that a broadcast would show if it were left behind.
func (g *guest) stockSeesOne(t *testing.T, r *guestRadio, c *vhci.Controller) {
	t.Helper()
	radio, err := bluez.Open(t.Context(), bluez.Options{Adapter: c.Name()})
	if err != nil {
		t.Fatal(err)
	}
	idle := g.takeStock(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- radio.Advertise(ctx, ble.AppendEID(nil, pay.Code{1}, ble.PowerReference), time.Second) }()
	eventually(t, "one code is on the air", func() bool { return len(c.OnAir()) == 1 })
	if s := g.takeStock(t, r); s.objects != idle.objects+1 || s.advertisements != 1 || s.goroutines <= idle.goroutines {
		t.Errorf("with one code on the air: %v; without: %v", s, idle)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// rotate puts n codes on the air, one after the other, each until it is there.
func rotate(ctx context.Context, c *vhci.Controller, n, who int) error {
	radio, err := bluez.Open(ctx, bluez.Options{Adapter: c.Name()})
	if err != nil {
		return err
	}
	var last ble.Address
	for i := range n {
		var code pay.Code
		binary.BigEndian.PutUint64(code[:], uint64(who)<<32|uint64(i))
		step, cancel := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() {
			done <- radio.Advertise(step, ble.AppendEID(nil, code, ble.PowerReference), 100*time.Millisecond)
		}()
		changed := c.Changed()
		sent := c.OnAir()
		for ; !carries(sent, code); sent = c.OnAir() {
			if len(sent) > 1 {
				cancel()
				return fmt.Errorf("rotation %d: two codes at once: %+v", i, sent)
			}
			select {
			case <-changed:
				changed = c.Changed()
			case err := <-done:
				cancel()
				return fmt.Errorf("rotation %d: on the air is %+v, want %v: %w", i, sent, code, err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			return fmt.Errorf("rotation %d: %w", i, err)
		}
		if sent[0].Address == last {
			return fmt.Errorf("rotation %d: %v is used again", i, last)
		}
		last = sent[0].Address
	}
	return nil
}

// carries says that code alone is on the air.
func carries(sent []vhci.OnAir, code pay.Code) bool {
	return len(sent) == 1 && bytes.Contains(sent[0].Data, code[:])
}

// stock is what may leak.
type stock struct {
	goroutines, objects, advertisements int
	heapKB, daemonKB, busKB             int
}

func (s stock) String() string {
	return fmt.Sprintf("%d goroutines, %d objects on the bus, %d advertisements, %d KiB heap; bluetoothd %d KiB, dbus-daemon %d KiB",
		s.goroutines, s.objects, s.advertisements, s.heapKB, s.daemonKB, s.busKB)
}

func (g *guest) takeStock(t *testing.T, r *guestRadio) stock {
	t.Helper()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	s := stock{goroutines: runtime.NumGoroutine(), heapKB: int(m.HeapAlloc >> 10), daemonKB: residentKB(t, r.daemon.Process.Pid), busKB: residentKB(t, g.bus.Process.Pid)}
	for _, name := range []string{"hci0", "hci1"} {
		v, err := g.adapter(name).GetProperty("org.bluez.LEAdvertisingManager1.ActiveInstances")
		if err != nil {
			t.Fatal(err)
		}
		n, _ := v.Value().(byte)
		s.advertisements += int(n)
	}
	s.objects = g.objectsOfThisProcess(t)
	return s
}

// objectsOfThisProcess counts what this process shows to BlueZ, which is what a
// look at its tree from outside finds.
func (g *guest) objectsOfThisProcess(t *testing.T) int {
	t.Helper()
	var names []string
	if err := g.conn.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&names); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range names {
		var pid uint32
		if !strings.HasPrefix(name, ":") || g.conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&pid) != nil || pid != uint32(os.Getpid()) {
			continue
		}
		var tree string
		if g.conn.Object(name, "/org/paybeacon").Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&tree) == nil {
			count += strings.Count(tree, "<node name=")
		}
	}
	return count
}

func residentKB(t *testing.T, pid int) int {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kb int
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			_, _ = fmt.Sscan(rest, &kb)
		}
	}
	return kb
}

// guestLoss fills the air more and more and says how much of it arrives.
func guestLoss(t *testing.T, g *guest) {
	r := g.newRadio(t, "-E")
	c := r.plug(extended)
	radio, err := bluez.Open(t.Context(), bluez.Options{Adapter: c.Name()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var arrived atomic.Int64
	done := make(chan error, 1)
	go func() {
		done <- radio.Scan(ctx, func(a ble.Advert) {
			if len(a.Sections) > 0 {
				arrived.Add(1)
			}
		})
	}()
	eventually(t, "the scan has begun", func() bool { on, _ := c.Listening(); return on })
	for i, rate := range []int{50, 100, 200, 400, 800, 1600} {
		arrived.Store(0)
		sent := fill(c, rate, 2*time.Second)
		last := int64(-1)
		eventually(t, "nothing comes any more", func() bool {
			settled := arrived.Load() == last
			last = arrived.Load()
			return settled
		})
		measured(t, "%5d a second: %5d of %5d arrived (%.1f %% lost)", rate, arrived.Load(), sent, 100*float64(int64(sent)-arrived.Load())/float64(sent))
		if i == 0 && arrived.Load() < int64(sent)*9/10 {
			t.Error("even a quiet air is not heard")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// fill injects adverts of fifty senders at a rate, and returns how many.
func fill(c *vhci.Controller, rate int, for_ time.Duration) int {
	const senders = 50
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	sent := 0
	for began := time.Now(); ; {
		<-tick.C
		elapsed := time.Since(began)
		if elapsed >= for_ {
			return sent
		}
		// A ticker that was late is made up for.
		for sent < int(elapsed.Seconds()*float64(rate)) {
			data := append([]byte{0x0d, 0x16, 0xaa, 0xfe, 0x30, 0xee}, binary.BigEndian.AppendUint64(nil, uint64(sent))...)
			if c.Inject(vhci.Report{Kind: vhci.NonConnectable, Address: ble.Address{0x20, 0, 0, 0, 0, byte(sent % senders)}, Random: true, Data: data, RSSI: -60}) {
				sent++
			}
		}
	}
}
