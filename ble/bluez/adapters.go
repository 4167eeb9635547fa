//go:build linux

package bluez

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"
	monitors "github.com/muka/go-bluetooth/bluez/profile/advertisement_monitor"
	"github.com/muka/go-bluetooth/bluez/profile/advertising"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	pathRoot = "/org/bluez/"
	// rfkillDir is the folder in which the kernel shows which radios are blocked.
	rfkillDir = "/sys/class/rfkill"
)

// Adapters lists the radios that BlueZ manages on this machine, ordered by name,
// at most adaptersMax. Without an adapter the list is empty. It returns an error
// with pay.CodeRadio if there is no system bus, no BlueZ, no permission, or no
// valid answer.
func Adapters(ctx context.Context) ([]ble.Adapter, error) {
	if _, err := connection(); err != nil {
		return nil, busError(err)
	}
	r := &Radio{limits: defaultLimits(), log: slog.New(slog.DiscardHandler), now: time.Now, rfkill: rfkillDir}
	return r.adapters(ctx)
}

func (r *Radio) adapters(ctx context.Context) ([]ble.Adapter, error) {
	tree, err := result[map[dbus.ObjectPath]map[string]map[string]dbus.Variant](r.request(ctx, "/", ifaceTree, ifaceTree+".GetManagedObjects"))
	if err != nil {
		return nil, radioError("list the adapters", err)
	}
	var found []ble.Adapter
	for path, interfaces := range tree {
		name, ok := adapterOf(path)
		properties, is := interfaces[adapter.Adapter1Interface]
		if !ok || !is {
			continue
		}
		a := r.describe(name, properties)
		_, a.Monitors = interfaces[monitors.AdvertisementMonitorManager1Interface]
		slots := interfaces[advertising.LEAdvertisingManager1Interface]
		a.SlotsFree, a.SlotsUsed = numberIn(slots["SupportedInstances"]), numberIn(slots["ActiveInstances"])
		found = append(found, a)
	}
	slices.SortFunc(found, func(a, b ble.Adapter) int {
		return cmp.Or(cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name)) // hci2 before hci10
	})
	return found[:min(len(found), adaptersMax)], nil
}

// adapterOf returns the name of the adapter at path, and whether path can be
// that of an adapter.
func adapterOf(path dbus.ObjectPath) (string, bool) {
	name, ok := strings.CutPrefix(string(path), pathRoot)
	return name, ok && isAdapterName(name)
}

// isAdapterName reports whether name can be the last part of an adapter's path.
func isAdapterName(name string) bool {
	return name != "" && len(name) <= nameBytesMax && !strings.ContainsFunc(name, func(c rune) bool {
		return c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// describe reads the properties of an adapter. A property of an unexpected type
// counts as missing. Without the property Discoverable the adapter counts as
// discoverable, so that nothing is advertised on it.
func (r *Radio) describe(name string, p map[string]dbus.Variant) ble.Adapter {
	is := func(property string) bool { on, _ := p[property].Value().(bool); return on }
	discoverable, known := p["Discoverable"].Value().(bool)
	power, _ := p["PowerState"].Value().(string)
	text, _ := p["Address"].Value().(string)
	address, err := ble.ParseAddress(text)
	if err != nil {
		address = ble.Address{}
	}
	a := ble.Adapter{
		Name: name, Address: address, Powered: is("Powered"), Discovering: is("Discovering"),
		Discoverable: discoverable || !known,
	}
	a.Blocked = !a.Powered && (power == "off-blocked" || r.isBlocked(name))
	return a
}

// isBlocked reports whether rfkill keeps the adapter off, by the files of the
// kernel. Versions of BlueZ without the property PowerState give no other way to
// know. If a file cannot be read, the adapter counts as not blocked.
func (r *Radio) isBlocked(name string) bool {
	switches, err := filepath.Glob(filepath.Join(r.rfkill, "rfkill*"))
	if err != nil {
		return false
	}
	for _, dir := range switches[:min(len(switches), adaptersMax)] {
		is := func(file, want string) bool {
			text, err := os.ReadFile(filepath.Join(dir, file))
			return err == nil && string(bytes.TrimSpace(text)) == want
		}
		if is("name", name) && (is("soft", "1") || is("hard", "1")) {
			return true
		}
	}
	return false
}

func numberIn(v dbus.Variant) int {
	n, _ := v.Value().(byte)
	return int(n)
}
