package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

const (
	// listenTime is how long doctor listens for itself. Chosen: a dozen adverts of a
	// beacon.
	listenTime = 3 * time.Second
	// busyRate is where bluetoothd begins to lose adverts, in adverts a second.
	// Measured: bluez 5.66 on virtual controllers, which lose some from 600 to 1,000 on.
	busyRate = 600.0
	// versionTime is how long a program may take to print its version. Chosen: many
	// times what it needs.
	versionTime = 2 * time.Second
)

// lookAtRadio examines one radio, or with a bluez of no adapter all that this
// machine has. h is what a running daemon said, which hears already.
func (d *doctor) lookAtRadio(spec radio.Spec, h api.Health) error {
	if spec.Second != nil {
		return d.lookAtEars(spec, h)
	}
	switch spec.Kind {
	case radio.Air:
		return d.lookAtAir(spec, h)
	case radio.Replay:
		p, err := replay.Open(replay.Options{File: spec.Path})
		if err != nil {
			return d.tell(areaRadio, failed("capture", err))
		}
		if r := p.Report(); !r.Sound() {
			return d.tell(areaRadio, finding{"capture", levelWarn, fmt.Sprintf("not all of %s can be played: %s", spec.Path, r), "what is sound is played; make another one with paybeacon scan record if that is too little"})
		}
		return d.tell(areaRadio, ok("capture", "%s can be played", spec.Path))
	default:
		return d.lookAtBlueZ(spec, h)
	}
}

func (d *doctor) lookAtAir(spec radio.Spec, h api.Health) error {
	info, err := os.Stat(spec.Path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return d.tell(areaRadio, finding{"air", levelWarn, spec.Path + " does not exist, so nobody is in this air", "the first command with --radio " + spec.String() + " makes it"})
	case err != nil || !info.IsDir():
		return d.tell(areaRadio, finding{"air", levelBad, spec.Path + " is no folder that can be looked into", "name a folder with --radio air:DIR"})
	}
	if err := d.tell(areaRadio, ok("air", "%s is simulated, with no Bluetooth at all", spec)); err != nil {
		return err
	}
	return d.lookAtRate(spec, h)
}

func (d *doctor) lookAtBlueZ(spec radio.Spec, h api.Health) error {
	if err := d.tell(areaRadio, kernelFinding(), d.versionFinding()); err != nil {
		return err
	}
	list, err := radio.ListAdapters(d.Ctx)
	if err == nil && len(list) == 0 {
		err = radio.ErrNoAdapter()
	}
	if err != nil {
		return d.tell(areaRadio, failed("bus", err))
	}
	if err := d.tell(areaRadio, ok("bus", "BlueZ answers on the system bus and lets this user in")); err != nil {
		return err
	}
	if spec.Adapter == "" {
		for _, a := range list {
			if err := d.tell(areaRadio, adapterFindings(a)...); err != nil {
				return err
			}
		}
		spec.Adapter = list[0].Name
		return d.lookAtRate(spec, h)
	}
	for _, name := range []string{spec.Adapter, spec.Marker} {
		if name == "" {
			continue
		}
		i := slices.IndexFunc(list, func(a ble.Adapter) bool { return a.Name == name })
		if i < 0 {
			return d.tell(areaRadio, failed(name, radio.NoSuchAdapter(name)))
		}
		if err := d.tell(areaRadio, adapterFindings(list[i])...); err != nil {
			return err
		}
		if list[i].Blocked {
			return nil // it cannot hear
		}
	}
	if !d.paired {
		if err := d.tell(areaRadio, antennaFinding(spec, list)); err != nil {
			return err
		}
	}
	return d.lookAtRate(spec, h)
}

// adapterFindings judges what BlueZ says of an adapter.
func adapterFindings(a ble.Adapter) []finding {
	n := text.Printable(a.Name)
	var list []finding
	switch {
	case a.Blocked:
		list = append(list, finding{n + " power", levelBad, n + " is blocked by rfkill", "run rfkill unblock bluetooth, or flip the machine's switch"})
	case !a.Powered:
		list = append(list, finding{n + " power", levelWarn, n + " is off", "scan and beacon run switch it on by themselves; by hand: bluetoothctl power on"})
	default:
		list = append(list, ok(n+" power", "%s (%s) is on", n, a.Address))
	}
	if a.Monitors {
		list = append(list, ok(n+" monitors", "advertisement monitors are there, so every advert is heard"))
	} else {
		list = append(list, finding{n + " monitors", levelWarn, "BlueZ offers no advertisement monitors, so a steady beacon is heard about once in 10 s",
			"put Experimental = true into /etc/bluetooth/main.conf and restart bluetoothd"})
	}
	if a.Discoverable {
		list = append(list, finding{n + " discoverable", levelWarn, n + " is discoverable: as a beacon it would send its public address along, so beacon run refuses it",
			"run bluetoothctl discoverable off if it is to be a beacon"})
	}
	switch {
	case a.SlotsFree > 0:
		list = append(list, ok(n+" slots", "%d advertising slots are free, %d used", a.SlotsFree, a.SlotsUsed))
	case a.SlotsUsed > 0:
		list = append(list, finding{n + " slots", levelWarn, fmt.Sprintf("all %d advertising slots are taken", a.SlotsUsed), "end another program that advertises if this is to be a beacon"})
	default:
		list = append(list, finding{n + " slots", levelWarn, n + " cannot advertise", "use another adapter for a beacon; a box needs none"})
	}
	return list
}

// lookAtRate says what is heard: as the daemon tells, or by listening.
func (d *doctor) lookAtRate(spec radio.Spec, h api.Health) error {
	if h.Radio != "" && h.Spec == spec.String() {
		return d.tell(areaRadio, rateFinding(ble.Health{Deaf: h.Radio == api.RadioDeaf, Rate: h.AdvertsPerSecond, Why: h.RadioWhy}, "its daemon hears"))
	}
	if h.Spec != "" && h.Radio == "" {
		return nil // a beacon: it does not listen, and must not be disturbed
	}
	health, err := d.listenFor(spec)
	if d.Ctx.Err() != nil {
		return d.Ctx.Err()
	}
	if err != nil {
		return d.tell(areaRadio, failed("hearing", err))
	}
	return d.tell(areaRadio, rateFinding(health, fmt.Sprintf("in %v it heard", listenTime)))
}

func (d *doctor) listenFor(spec radio.Spec) (ble.Health, error) {
	var heard atomic.Int64
	var last atomic.Pointer[ble.Health]
	l := radio.Listener{Radio: spec, Now: d.now, Log: slog.New(slog.DiscardHandler), Limit: listenTime}
	err := l.Listen(d.Ctx, func(h ble.Health) { last.Store(&h) }, func(ble.Advert) { heard.Add(1) }, func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	})
	health := ble.Health{}
	if h := last.Load(); h != nil {
		health = *h
	}
	health.Rate = float64(heard.Load()) / listenTime.Seconds()
	return health, err
}

func rateFinding(h ble.Health, who string) finding {
	f := finding{name: "hearing", message: fmt.Sprintf("%s %.1f adverts/s", who, h.Rate)}
	switch {
	case h.Deaf:
		f.level, f.message = levelBad, "it is deaf: "+cmp.Or(h.Why, "nothing at all is heard")
		f.hint = "see journalctl -u bluetooth; unplug the adapter and plug it in again, or use another one"
	case h.Why != "":
		f.level, f.message = levelWarn, f.message+"; "+h.Why
		f.hint = "watch it with paybeacon scan watch"
	case h.Rate == 0:
		f.level, f.hint = levelWarn, "if a beacon is on, move it closer and watch with paybeacon scan watch"
	case h.Rate > busyRate:
		f.level, f.hint = levelWarn, "above some 600 adverts/s bluetoothd loses some; a second box with an adapter of its own shares the load"
	default:
		f.level = levelOK
	}
	return f
}

func kernelFinding() finding {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return finding{"kernel", levelWarn, "the kernel does not say its version", "see uname -r"}
	}
	return ok("kernel", "%s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]))
}

// versionPrograms say BlueZ's version: the one for people, then the daemon
// where Debian, Fedora and Arch keep it.
var versionPrograms = []string{"bluetoothctl", "/usr/libexec/bluetooth/bluetoothd", "/usr/lib/bluetooth/bluetoothd"}

func (d *doctor) versionFinding() finding {
	for _, program := range versionPrograms {
		ctx, cancel := context.WithTimeout(d.Ctx, versionTime)
		out, err := exec.CommandContext(ctx, program, "--version").Output()
		cancel()
		if v := blueZVersion(string(out)); err == nil && v != "" {
			return ok("bluez", "BlueZ %s", v)
		}
	}
	return finding{"bluez", levelWarn, "BlueZ's version is unknown: neither bluetoothctl nor bluetoothd is installed here", "install the package bluez for a real radio"}
}

var versionPattern = regexp.MustCompile(`^(?:bluetoothctl: )?([0-9]+\.[0-9]+)$`)

// blueZVersion finds the number in what --version prints.
func blueZVersion(out string) string {
	if m := versionPattern.FindStringSubmatch(strings.TrimSpace(out)); m != nil {
		return m[1]
	}
	return ""
}
