//go:build linux

package bluez

import (
	"errors"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/pay"
)

var (
	errAdapterName  = errors.New("that cannot be the name of an adapter")
	errReleased     = errors.New("BlueZ ended the advertisement")
	errDiscoverable = errors.New("the adapter is discoverable, so its public address would go out with the code")
	errPayload      = errors.New("the payload holds no service or manufacturer data, or more than 31 bytes")
	errBlocked      = errors.New("the adapter is kept off by rfkill")
	errNoAnswer     = errors.New("bluetoothd does not answer")
	errVanished     = errors.New("the adapter is gone, or BlueZ has ended")
	errOddAnswer    = errors.New("BlueZ answers something that it should not")
	errSameAdapter  = errors.New("an adapter cannot mark itself")
	errBusEnded     = errors.New("the system bus ended the connection")
)

// advice is what is made of an error: a sentence of ours and what a person can
// do about it.
type advice struct{ sentence, hint string }

// ours are the errors of this package.
var ours = map[error]advice{
	errAdapterName:  {"", "name one such as --radio bluez:hci0; bluetoothctl list shows them"},
	errReleased:     {"", "see journalctl -u bluetooth; another program may have reset the adapter"},
	errDiscoverable: {"", "switch it off with bluetoothctl discoverable off"},
	errPayload:      {"", "broadcast one frame at a time"},
	errBlocked:      {"", "switch it on with rfkill unblock bluetooth, or with the machine's own switch"},
	errNoAnswer:     {"", "restart it with systemctl restart bluetooth"},
	errVanished:     {"", "plug it in again, or start BlueZ with systemctl start bluetooth"},
	errOddAnswer:    {"", "see which version runs with bluetoothctl version; 5.55 or later is needed"},
	errSameAdapter:  {"", "name another adapter for the marker, or leave it out"},
	errBusEnded:     {"", "see systemctl status dbus"},
}

var (
	noBlueZ = advice{"BlueZ does not run", "start it with systemctl start bluetooth, or install the package bluez"}
	absent  = advice{"BlueZ has no such adapter, or it cannot do this", "see which adapters there are with bluetoothctl list, and name one with --radio bluez:NAME"}
	denied  = advice{"the system bus does not let this user talk to BlueZ", "see /etc/dbus-1/system.d/bluetooth.conf, or run as a user that it names"}
)

// foreign are the errors of BlueZ and the bus, by the last part of their names.
// The texts that come with them differ between versions and are shown only
// where the name says too little.
var foreign = map[string]advice{
	"ServiceUnknown": noBlueZ, "NameHasNoOwner": noBlueZ, "ServiceNotFound": noBlueZ, "NoSuchUnit": noBlueZ, "NoReply": noBlueZ,
	"UnknownObject": absent, "UnknownMethod": absent, "UnknownInterface": absent, "DoesNotExist": absent, "NoSuchObject": absent,
	"AccessDenied": denied, "NotAuthorized": denied,
	"Blocked":       {errBlocked.Error(), ours[errBlocked].hint},
	"NotReady":      {"the adapter is switched off", "switch it on with rfkill unblock bluetooth, then bluetoothctl power on"},
	"NotPermitted":  {"every advertising slot of the adapter is taken", "end another program that advertises"},
	"AlreadyExists": {"BlueZ has this already", "end the other advertisement of this program first"},
	"InvalidLength": {"the payload is too long for this adapter", "31 bytes with flags is the limit; use an adapter that can take them"},
	"NotSupported":  {"this adapter or this version of BlueZ cannot do that", "use another adapter"},
}

// adviceFor finds what belongs to an error.
func adviceFor(err error) advice {
	for known, a := range ours {
		if errors.Is(err, known) {
			a.sentence = known.Error()
			return a
		}
	}
	name := errorName(err)
	if a, ok := foreign[name[strings.LastIndexByte(name, '.')+1:]]; ok {
		return a
	}
	return advice{printable(err.Error()), "see journalctl -u bluetooth, and try bluetoothctl power off, then power on"}
}

// refusal is an error with a sentence that may be shown: an error of BlueZ
// carries a text that anybody on the bus may have written.
type refusal struct {
	sentence string
	err      error
}

func (e *refusal) Error() string { return e.sentence }
func (e *refusal) Unwrap() error { return e.err }

// radioError says what failed and what a person can do about it. An error that
// says so already stays as it is.
func radioError(action string, err error) error {
	if known := (*pay.Error)(nil); errors.As(err, &known) {
		return err
	}
	a := adviceFor(err)
	return pay.Wrap(&refusal{a.sentence, err}, pay.CodeRadio, action, a.hint)
}

// busError says that there is no bus to speak over.
func busError(err error) error {
	return pay.Wrap(&refusal{"there is none, or it cannot be reached", err}, pay.CodeRadio, "connect to the system bus",
		"start D-Bus, or use --radio air:DIR where there is none, as in most containers")
}

// reason says in one sentence what an error means for a radio that keeps
// trying.
func reason(err error) string {
	if known := (*pay.Error)(nil); errors.As(err, &known) {
		return known.Error() + "; " + known.Hint + "; trying again"
	}
	a := adviceFor(err)
	return a.sentence + "; " + a.hint + "; trying again"
}

// errorName returns the D-Bus name of an error, or nothing.
func errorName(err error) string {
	if e := (dbus.Error{}); errors.As(err, &e) {
		return e.Name
	}
	if e := (*dbus.Error)(nil); errors.As(err, &e) {
		return e.Name
	}
	return ""
}

// isNamed says that err is one of the D-Bus errors of these names.
func isNamed(err error, names ...string) bool {
	have := errorName(err)
	for _, n := range names {
		if have == n {
			return true
		}
	}
	return false
}

// printable makes a foreign text fit to be shown: short, and without control
// characters.
func printable(s string) string {
	cut := len(s) > foreignBytesMax
	if cut {
		s = s[:foreignBytesMax]
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if cut {
		s += "…"
	}
	return s
}
