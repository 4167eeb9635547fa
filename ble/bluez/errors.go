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
	errBadAnswer    = errors.New("BlueZ answers something that it should not")
	errSameAdapter  = errors.New("an adapter cannot mark itself")
	errBusEnded     = errors.New("the system bus ended the connection")
)

// advice is how an error is shown to a person: a sentence of ours and what the
// person can do about it.
type advice struct{ sentence, hint string }

// ownAdvice is the advice for the errors of this package. The sentence is the
// error's own text.
var ownAdvice = map[error]advice{
	errAdapterName:  {"", "name one such as --radio bluez:hci0; bluetoothctl list shows them"},
	errReleased:     {"", "see journalctl -u bluetooth; another program may have reset the adapter"},
	errDiscoverable: {"", "switch it off with bluetoothctl discoverable off"},
	errPayload:      {"", "broadcast one frame at a time"},
	errBlocked:      {"", "switch it on with rfkill unblock bluetooth, or with the machine's own switch"},
	errNoAnswer:     {"", "restart it with systemctl restart bluetooth"},
	errVanished:     {"", "plug it in again, or start BlueZ with systemctl start bluetooth"},
	errBadAnswer:    {"", "see which version runs with bluetoothctl version; 5.55 or later is needed"},
	errSameAdapter:  {"", "name another adapter for the marker, or leave it out"},
	errBusEnded:     {"", "see systemctl status dbus"},
}

var (
	noBlueZ = advice{"BlueZ does not run", "start it with systemctl start bluetooth, or install the package bluez"}
	absent  = advice{"BlueZ has no such adapter, or it cannot do this", "see which adapters there are with bluetoothctl list, and name one with --radio bluez:NAME"}
	denied  = advice{"the system bus does not let this user talk to BlueZ", "see /etc/dbus-1/system.d/bluetooth.conf, or run as a user that it names"}
)

// busAdvice is the advice for the errors of BlueZ and the bus, by the last part
// of their names. The texts of these errors differ between versions and are
// shown only for names that are not listed here.
var busAdvice = map[string]advice{
	"ServiceUnknown": noBlueZ, "NameHasNoOwner": noBlueZ, "ServiceNotFound": noBlueZ, "NoSuchUnit": noBlueZ, "NoReply": noBlueZ,
	"UnknownObject": absent, "UnknownMethod": absent, "UnknownInterface": absent, "DoesNotExist": absent, "NoSuchObject": absent,
	"AccessDenied": denied, "NotAuthorized": denied,
	"Blocked":       {errBlocked.Error(), ownAdvice[errBlocked].hint},
	"NotReady":      {"the adapter is switched off", "switch it on with rfkill unblock bluetooth, then bluetoothctl power on"},
	"NotPermitted":  {"every advertising slot of the adapter is taken", "end another program that advertises"},
	"AlreadyExists": {"BlueZ has this already", "end the other advertisement of this program first"},
	"InvalidLength": {"the payload is too long for this adapter", "31 bytes with flags is the limit; use an adapter that can take them"},
	"NotSupported":  {"this adapter or this version of BlueZ cannot do that", "use another adapter"},
}

// adviceFor returns the advice for an error.
func adviceFor(err error) advice {
	for known, a := range ownAdvice {
		if errors.Is(err, known) {
			a.sentence = known.Error()
			return a
		}
	}
	name := errorName(err)
	if a, ok := busAdvice[name[strings.LastIndexByte(name, '.')+1:]]; ok {
		return a
	}
	return advice{printable(err.Error()), "see journalctl -u bluetooth, and try bluetoothctl power off, then power on"}
}

// shownError is an error with a sentence that may be shown. An error of BlueZ
// has a text that any program on the bus may have written.
type shownError struct {
	sentence string
	err      error
}

// Error returns the sentence, without the text of the wrapped error.
func (e *shownError) Error() string { return e.sentence }

// Unwrap returns the error that the sentence is about.
func (e *shownError) Unwrap() error { return e.err }

// radioError returns err as a *pay.Error with pay.CodeRadio, a sentence and a
// hint. An error that is one already stays as it is.
func radioError(action string, err error) error {
	if known := (*pay.Error)(nil); errors.As(err, &known) {
		return err
	}
	a := adviceFor(err)
	return pay.Wrap(&shownError{a.sentence, err}, pay.CodeRadio, action, a.hint)
}

// busError returns the *pay.Error, with pay.CodeRadio, for a system bus that is
// missing or cannot be reached.
func busError(err error) error {
	return pay.Wrap(&shownError{"there is none, or it cannot be reached", err}, pay.CodeRadio, "connect to the system bus",
		"start D-Bus, or use --radio air:DIR where there is none, as in most containers")
}

// retryReason returns one sentence about err, for a radio that keeps trying.
func retryReason(err error) string {
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

// isNamed reports whether err is a D-Bus error with one of these names.
func isNamed(err error, names ...string) bool {
	have := errorName(err)
	for _, n := range names {
		if have == n {
			return true
		}
	}
	return false
}

// printable makes a foreign text safe to show: at most foreignBytesMax bytes of
// it, and no control characters.
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
