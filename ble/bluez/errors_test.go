//go:build linux

package bluez

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/paybeacon/paybeacon/pay"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	bluez := func(name string) error {
		return dbus.Error{Name: "org.bluez.Error." + name, Body: []any{"text of BlueZ"}}
	}
	bus := func(name string) error {
		return dbus.Error{Name: "org.freedesktop.DBus.Error." + name, Body: []any{"text of the bus"}}
	}
	for _, c := range []struct {
		err            error
		sentence, hint string
	}{
		{bus("ServiceUnknown"), "BlueZ does not run", "systemctl start bluetooth"},
		{bus("UnknownObject"), "no such adapter", "bluetoothctl list"},
		{bus("AccessDenied"), "does not let this user", "/etc/dbus-1"},
		{bluez("NotReady"), "switched off", "rfkill"},
		{bluez("Blocked"), "kept off by rfkill", "rfkill unblock"},
		{bluez("NotPermitted"), "slot", "another program"},
		{bluez("AlreadyExists"), "already", "other advertisement"},
		{bluez("InvalidLength"), "too long", "31 bytes"},
		{bluez("NotSupported"), "cannot do that", "another adapter"},
		{bluez("Failed"), "text of BlueZ", "journalctl"},
		{fmt.Errorf("wrapped: %w", bluez("NotReady")), "switched off", "rfkill"},
		{&dbus.Error{Name: "org.bluez.Error.NotReady"}, "switched off", "rfkill"},
		{errDiscoverable, "public address", "discoverable off"},
		{errNoAnswer, "does not answer", "restart bluetooth"},
		{errors.Join(errBlocked, bluez("Failed")), "kept off by rfkill", "rfkill unblock"},
		{errors.New("anything"), "anything", "journalctl"},
	} {
		err := radioError("act", c.err)
		var pe *pay.Error
		if !errors.As(err, &pe) || pe.Code != pay.CodeRadio || !strings.Contains(pe.Hint, c.hint) || !strings.Contains(pe.Err.Error(), c.sentence) {
			t.Errorf("%v: have %v, %#v", c.err, err, pe)
		}
		if !errors.Is(err, c.err) && errorName(err) != errorName(c.err) {
			t.Errorf("%v: what it was is lost in %#v", c.err, err)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: more than one line: %q", c.err, err)
		}
		if again := radioError("act again", err); again != err {
			t.Errorf("%v: told twice: %v", c.err, again)
		}
	}
}

func TestForeignTextsAreTamed(t *testing.T) {
	t.Parallel()
	nasty := "\x1b[2J\x07evil\r\n\u009b31m\xff" + strings.Repeat("é", 200)
	err := radioError("act", dbus.Error{Name: "org.example.Odd", Body: []any{nasty}})
	for _, r := range err.Error() {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			t.Fatalf("control character %U in %q", r, err)
		}
	}
	if len(err.Error()) > 2*foreignBytesMax || !strings.Contains(err.Error(), "evil") {
		t.Errorf("have %q", err)
	}
}
