package radio

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// Scanner hears adverts until ctx ends, which is no error, or until it fails. each must
// be quick.
type Scanner interface {
	Scan(ctx context.Context, each func(ble.Advert)) error
}

// Advertiser sends payload at each interval until ctx ends, which is no error, or until
// it fails, from an address that is fresh for each call.
type Advertiser interface {
	Advertise(ctx context.Context, payload []byte, interval time.Duration) error
}

// Radio is an open radio. The zero value is none.
type Radio struct {
	Scanner Scanner
	// Advertiser is nil for a recorded capture, which can only be listened to.
	Advertiser Advertiser
	// Close gives the radio back, after Scan and Advertise have returned.
	Close func()
}

// Kind is the part of --radio before the first colon.
type Kind string

// The kinds of radios.
const (
	BlueZ  Kind = "bluez"
	Air    Kind = "air"
	Replay Kind = "replay"
)

// adapterDefault is the adapter that bluez alone means.
const adapterDefault = "hci0"

// Spec is what --radio names: bluez[:hci0[,marker=hci1]], air:DIR or
// replay:FILE, or two of them with a + in between: the two ears of a box.
type Spec struct {
	Kind Kind
	// Adapter listens and broadcasts; Marker, unless empty, is another one that
	// sends a sign of life for it to hear. Only with BlueZ.
	Adapter, Marker string
	Path            string // the directory of an air, the file of a capture
	// Second is the second ear of a box; nil for a box with one.
	Second *Spec
}

// First is the spec of the first ear alone.
func (r Spec) First() Spec {
	r.Second = nil
	return r
}

const radioHint = "write --radio bluez:hci0, air:DIR or replay:FILE"

// earsPattern matches the + between two ears. A + elsewhere is part of a name.
var earsPattern = regexp.MustCompile(`\+(?:bluez(?::|\+|$)|air:|replay:)`)

// Parse reads --radio. It refuses what it does not understand, so that a typing
// error does not open another adapter, with a *pay.Error with CodeUsage.
func Parse(s string) (Spec, error) {
	at := earsPattern.FindStringIndex(s)
	if at == nil {
		return parseEar(s)
	}
	const hint = "write --radio bluez:hci0+bluez:hci1, the one at the payer's place first"
	first, err := parseEar(s[:at[0]])
	if err != nil {
		return first, err
	}
	rest := s[at[0]+1:]
	if earsPattern.MatchString(rest) {
		return first, pay.NewError(pay.CodeUsage, "a box has two ears at most", hint)
	}
	second, err := parseEar(rest)
	switch {
	case err != nil:
		return first, err
	case first == second || second.Kind == BlueZ && first.Kind == BlueZ && first.Adapter == second.Adapter:
		return first, pay.NewError(pay.CodeUsage, "both ears are "+text.Printable(second.String()), hint)
	case second.Marker != "" || second.Kind == BlueZ && second.Adapter == first.Marker:
		return first, pay.NewError(pay.CodeUsage, "an adapter that listens as the second ear is and has no marker", hint)
	}
	first.Second = &second
	return first, nil
}

// parseEar reads one radio.
func parseEar(s string) (Spec, error) {
	kind, rest, more := strings.Cut(s, ":")
	spec := Spec{Kind: Kind(kind)}
	switch {
	case s == "":
		return spec, pay.NewError(pay.CodeUsage, "--radio is missing", radioHint)
	case spec.Kind == BlueZ:
		spec.Adapter = adapterDefault
		if !more {
			return spec, nil
		}
		return parseBlueZ(rest)
	case (spec.Kind == Air || spec.Kind == Replay) && rest != "":
		spec.Path = rest
		return spec, nil
	default:
		return spec, pay.NewError(pay.CodeUsage, fmt.Sprintf("radio %q is not known", text.Printable(s)), radioHint)
	}
}

// parseBlueZ reads what stands behind "bluez:".
func parseBlueZ(rest string) (Spec, error) {
	const hint = "write --radio bluez:hci0, or bluez:hci0,marker=hci1 with a second adapter; paybeacon scan radios lists them"
	adapter, option, more := strings.Cut(rest, ",")
	spec := Spec{Kind: BlueZ, Adapter: adapter}
	if !isAdapterName(adapter) {
		return spec, pay.NewError(pay.CodeUsage, fmt.Sprintf("%q is no adapter's name", text.Printable(adapter)), hint)
	}
	if !more {
		return spec, nil
	}
	name, ok := strings.CutPrefix(option, "marker=")
	switch {
	case !ok:
		return spec, pay.NewError(pay.CodeUsage, fmt.Sprintf("radio option %q is not known", text.Printable(option)), hint)
	case !isAdapterName(name):
		return spec, pay.NewError(pay.CodeUsage, fmt.Sprintf("%q is no adapter's name", text.Printable(name)), hint)
	case name == adapter:
		return spec, pay.NewError(pay.CodeUsage, "an adapter cannot be its own marker: it does not hear itself", hint)
	}
	spec.Marker = name
	return spec, nil
}

// isAdapterName reports whether s is a name that the kernel gives: hci and a
// number without needless zeros.
func isAdapterName(s string) bool {
	number, ok := strings.CutPrefix(s, "hci")
	if !ok || number == "" || len(number) > 4 || (number[0] == '0' && number != "0") {
		return false
	}
	return strings.Trim(number, "0123456789") == ""
}

// String returns the form that Parse reads.
func (r Spec) String() string {
	switch {
	case r.Second != nil:
		return r.First().String() + "+" + r.Second.String()
	case r.Kind != BlueZ:
		return string(r.Kind) + ":" + r.Path
	case r.Marker != "":
		return "bluez:" + r.Adapter + ",marker=" + r.Marker
	default:
		return "bluez:" + r.Adapter
	}
}

// Options say how a radio is used.
type Options struct {
	// Now is the clock by which what is heard is dated.
	Now func() time.Time
	Log *slog.Logger
	// RSSI is the strength at which others in a simulated air hear this process.
	RSSI pay.RSSI
	// SecondRSSI is the same where it sends into a second air.
	SecondRSSI pay.RSSI
	// Health is told how well a real radio hears, from one goroutine at a time;
	// nil means that nobody wants to know. Simulated ones have nothing to tell.
	Health func(ble.Health)
	// Capture is given what was found in a recorded capture; nil means that the log
	// says what of it cannot be played.
	Capture func(replay.Report)
}

// mayAdvertiseWith returns why an adapter cannot be a beacon, or nil.
func mayAdvertiseWith(a ble.Adapter) error {
	switch {
	case a.Blocked:
		return pay.NewError(pay.CodeRadio, "adapter "+a.Name+" is blocked by rfkill", "unblock it with rfkill unblock bluetooth")
	case a.Discoverable:
		return pay.NewError(pay.CodeRadio, "adapter "+a.Name+" is discoverable, so its public address would go out with the code",
			"switch that off with bluetoothctl discoverable off, or use another adapter")
	case a.SlotsFree == 0 && a.SlotsUsed > 0:
		return pay.NewError(pay.CodeRadio, fmt.Sprintf("all %d advertising slots of adapter %s are taken", a.SlotsUsed, a.Name),
			"end another program that advertises, or use another adapter")
	case a.SlotsFree == 0:
		return pay.NewError(pay.CodeRadio, "adapter "+a.Name+" cannot advertise", "use another adapter; paybeacon scan radios lists them")
	default:
		return nil
	}
}

// NoSuchAdapter is the error for an adapter that is not there: a *pay.Error with
// CodeRadio.
func NoSuchAdapter(name string) error {
	return pay.NewError(pay.CodeRadio, "this machine has no adapter "+name, "name one that paybeacon scan radios lists")
}

// ErrNoAdapter is the error of a machine without any adapter: a *pay.Error with
// CodeRadio.
func ErrNoAdapter() error {
	return pay.NewError(pay.CodeRadio, "this machine has no Bluetooth adapter that BlueZ manages", "plug one in, or use --radio air:DIR or replay:FILE")
}

// Silent is the strength at which a box would be heard if it sent.
const Silent pay.RSSI = -100
