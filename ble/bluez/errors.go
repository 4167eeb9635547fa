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
	errNoAdapter    = errors.New("BlueZ has no such adapter")
	errNoDaemon     = errors.New("bluetoothd does not run")
	errBusEnded     = errors.New("the connection to the system bus ended")
	errReleased     = errors.New("BlueZ ended the advertisement")
	errDiscoverable = errors.New("the adapter is discoverable, so its public address would go out with the code")
	errPayload      = errors.New("the payload holds no service or manufacturer data, or more than 31 bytes")
)

// radioError says what failed and what a person can do about it.
func radioError(action string, err error) error {
	return pay.Wrap(err, pay.CodeRadio, action, hintFor(err))
}

// openError is radioError for the first call, whose failures say in D-Bus's
// words what is simple: nobody answers, or not for that adapter.
func openError(adapter string, err error) error {
	plain := err
	switch nameOf(err) {
	case "ServiceUnknown", "NameHasNoOwner":
		plain = errNoDaemon
	case "UnknownObject", "UnknownMethod", "UnknownInterface":
		plain = errNoAdapter
	}
	return pay.Wrap(plain, pay.CodeRadio, "open adapter "+adapter, hintFor(err))
}

// busError says that there is no bus to speak over.
func busError(err error) error {
	return pay.Wrap(err, pay.CodeRadio, "connect to the system bus",
		"start D-Bus, or use --radio air:DIR where there is none, as in most containers")
}

// hintFor finds the advice that belongs to an error of BlueZ or the bus.
func hintFor(err error) string {
	switch {
	case errors.Is(err, errAdapterName):
		return "name one such as --radio bluez:hci0; bluetoothctl list shows them"
	case errors.Is(err, errDiscoverable):
		return "switch it off with bluetoothctl discoverable off"
	case errors.Is(err, errPayload):
		return "broadcast one frame at a time"
	}
	switch nameOf(err) {
	case "ServiceUnknown", "NameHasNoOwner":
		return "start it with systemctl start bluetooth, or install the package bluez"
	case "UnknownObject", "UnknownMethod", "UnknownInterface", "DoesNotExist":
		return "see which adapters there are with bluetoothctl list; this call needs one that BlueZ manages"
	case "AccessDenied", "NotAuthorized":
		return "the system bus does not let this user talk to BlueZ; see /etc/dbus-1/system.d/bluetooth.conf"
	case "NotReady":
		return "switch the adapter on: rfkill unblock bluetooth, then bluetoothctl power on"
	case "NotPermitted":
		return "every advertising slot of the adapter is taken; end another program that advertises"
	case "AlreadyExists":
		return "end the other advertisement of this program first"
	case "InvalidLength":
		return "the payload is too long for this adapter; 31 bytes with flags is the limit"
	case "NotSupported":
		return "this adapter or this version of BlueZ cannot do that; use another adapter"
	default:
		return "see journalctl -u bluetooth, and try bluetoothctl power off, then power on"
	}
}

// nameOf returns the last word of a D-Bus error's name, or nothing.
func nameOf(err error) string {
	name := ""
	if e := (dbus.Error{}); errors.As(err, &e) {
		name = e.Name
	} else if e := (*dbus.Error)(nil); errors.As(err, &e) {
		name = e.Name
	}
	return name[strings.LastIndexByte(name, '.')+1:]
}
