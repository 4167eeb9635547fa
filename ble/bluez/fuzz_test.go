//go:build linux

package bluez

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/muka/go-bluetooth/bluez/profile/adapter"

	"github.com/paybeacon/paybeacon/ble"
)

// clay is the input bytes from which a hostile signal is made.
type clay []byte

func (c *clay) byte() byte {
	if len(*c) == 0 {
		return 0
	}
	b := (*c)[0]
	*c = (*c)[1:]
	return b
}

func (c *clay) bytes() []byte {
	n := min(int(c.byte()), len(*c))
	b := (*c)[:n]
	*c = (*c)[n:]
	return b
}

func pick[T any](c *clay, of ...T) T { return of[int(c.byte())%len(of)] }

func (c *clay) name() string {
	return pick(c, "RSSI", "ServiceData", "ManufacturerData", "Name", "Discovering", "Powered", "PowerState", "Discoverable", ifaceDevice,
		adapter.Adapter1Interface, service, "0000feaa-0000-1000-8000-00805f9b34fb", "0000FEAA-0000-1000-8000-00805F9B34FB", string(c.bytes()))
}

func (c *clay) path() dbus.ObjectPath {
	return pick(c, hci0, device, "/", "/org/bluez/hci00", device+"/service01", hci0+"/dev_"+dbus.ObjectPath(c.bytes()), dbus.ObjectPath(c.bytes()))
}

// value makes a value of any type that godbus may decode.
func (c *clay) value(depth int) any {
	kind := c.byte() % 20
	if depth > 4 && kind > 11 {
		kind %= 12
	}
	switch kind {
	case 0:
		return c.byte()
	case 1:
		return c.byte()&1 == 1
	case 2:
		return int16(int8(c.byte()))
	case 3:
		return uint16(c.byte())<<8 | uint16(c.byte())
	case 4:
		return int32(c.byte())
	case 5:
		return uint64(c.byte())
	case 6:
		return float64(c.byte())
	case 7:
		return c.name()
	case 8:
		return c.path()
	case 9:
		return c.bytes()
	case 10:
		return []string{c.name(), c.name()}
	case 11:
		return nil
	case 12:
		return c.variant(depth)
	case 13:
		return []any{c.value(depth + 1), c.value(depth + 1)}
	case 14:
		return []dbus.Variant{c.variant(depth)}
	case 15:
		m := map[uint16]dbus.Variant{}
		for range c.byte() % 40 {
			m[uint16(c.byte())] = c.variant(depth)
		}
		return m
	case 16:
		m := map[string]map[string]dbus.Variant{}
		for range c.byte() % 4 {
			m[c.name()] = c.properties(depth)
		}
		return m
	case 17:
		return map[string]string{c.name(): c.name()}
	default:
		return c.properties(depth)
	}
}

func (c *clay) properties(depth int) map[string]dbus.Variant {
	m := map[string]dbus.Variant{}
	for range c.byte() % 40 {
		m[c.name()] = c.variant(depth)
	}
	return m
}

func (c *clay) variant(depth int) dbus.Variant {
	if c.byte() == 0 {
		return dbus.Variant{}
	}
	return dbus.MakeVariantWithSignature(c.value(depth+1), dbus.ParseSignatureMust("v"))
}

// FuzzSignal reads signals of every shape and passes the adverts in them to a
// tracker.
func FuzzSignal(f *testing.F) {
	f.Add([]byte{0, 1, 2, 7, 8, 19, 3, 0, 1, 2, 200})
	f.Add([]byte{1, 2, 2, 8, 1, 16, 2, 8, 2, 0, 1, 2, 200, 1, 1, 18, 11, 1, 9, 10, 0x30, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte{3, 0, 3, 7, 10, 7, 13, 0, 7, 13, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1000 {
			return // the same again and again
		}
		c := clay(b)
		tracker := ble.NewTracker(ble.TrackerOptions{})
		at := time.Unix(1_800_000_000, 0)
		var a ble.Advert
		for len(c) > 0 {
			s := &dbus.Signal{
				Name: pick(&c, ifaceProps+".PropertiesChanged", ifaceTree+".InterfacesAdded", ifaceTree+".InterfacesRemoved", ifaceBus+".NameOwnerChanged", c.name()),
				Path: c.path(),
			}
			for range c.byte() % 5 {
				s.Body = append(s.Body, c.value(0))
			}
			if readSignal(s, hci0, &a) != advertHeard {
				continue
			}
			if len(a.Sections) == 0 || len(a.Sections) > ble.SectionsMax {
				t.Fatalf("%d sections", len(a.Sections))
			}
			for _, section := range a.Sections {
				if len(section.Data) > ble.SectionBytesMax {
					t.Fatalf("a section of %d bytes", len(section.Data))
				}
			}
			if a.HasRSSI && (a.RSSI < -127 || a.RSSI > 20) {
				t.Fatalf("a strength of %d", a.RSSI)
			}
			at = at.Add(time.Millisecond)
			a.At = at
			tracker.Observe(a)
		}
	})
}
