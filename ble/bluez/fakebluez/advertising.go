package fakebluez

import (
	"context"
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// legacyBytesMax is the capacity of an advertisement, in bytes. Published:
// Bluetooth Core 5.4, volume 6, part B, 2.3.1.
const legacyBytesMax = 31

// strengthDefault is the strength at which one adapter hears another, in dBm.
// Chosen: near enough to be a candidate.
const strengthDefault = -60

// advert is an advertisement on the air.
type advert struct {
	client   string
	path     dbus.ObjectPath
	report   Report
	interval time.Duration
	stop     chan struct{}
}

// slot answers the calls of LEAdvertisingManager1.
func (a *Adapter) slot(r request) *dbus.Error {
	path, ok := argument[dbus.ObjectPath](r, 0)
	if !ok {
		return errArguments
	}
	key := r.sender + string(path)
	switch r.member {
	case "RegisterAdvertisement":
		return a.register(r.sender, path, key)
	case "UnregisterAdvertisement":
		a.z.mu.Lock()
		defer a.z.mu.Unlock()
		if a.adverts[key] == nil {
			return failure("DoesNotExist", "Does Not Exist")
		}
		a.endLocked(key)
		return nil
	}
	return busFailure("UnknownMethod", "no such method")
}

func (a *Adapter) register(client string, path dbus.ObjectPath, key string) *dbus.Error {
	a.z.mu.Lock()
	conn, taken, full, off := a.z.conn, a.adverts[key] != nil, len(a.adverts) >= a.slots, !a.power
	a.z.mu.Unlock()
	switch {
	case off || conn == nil:
		return errNotReady
	case taken:
		return failure("AlreadyExists", "Already Exists")
	case full:
		return failure("NotPermitted", "Maximum advertisements reached")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := conn.Object(client, path).CallWithContext(ctx, ifaceProps+".GetAll", 0, ifaceAdvert)
	if c.Err != nil || len(c.Body) != 1 {
		return failure("Failed", "Failed to parse advertisement.")
	}
	p, _ := c.Body[0].(Properties)
	ad, err := a.readAdvert(p)
	if err != nil {
		return err
	}
	ad.client, ad.path = client, path
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	if a.z.conn != conn {
		return errNotReady
	}
	if a.discoverable { // then BlueZ sends it connectable, from the public address
		ad.report.Address = publicAddress(a.address)
	}
	a.adverts[key] = ad
	a.slotsLocked()
	a.z.goroutines.Go(func() { a.transmit(ad) })
	return nil
}

// readAdvert reads an advertisement object as strictly as BlueZ does.
func (a *Adapter) readAdvert(p Properties) (*advert, *dbus.Error) {
	parse := failure("Failed", "Failed to parse advertisement.")
	kind, _ := p["Type"].Value().(string)
	if kind != "broadcast" && kind != "peripheral" {
		return nil, parse
	}
	ad := &advert{interval: a.z.options.Interval, stop: make(chan struct{})}
	ad.report.Services, ad.report.Manufacturer = map[uint16][]byte{}, map[uint16][]byte{}
	size := 3 // flags
	if uuids, ok := p["ServiceUUIDs"].Value().([]string); ok && len(uuids) > 0 {
		size += 2 + 2*len(uuids)
	}
	services, _ := p["ServiceData"].Value().(map[string]dbus.Variant)
	for uuid, v := range services {
		data, ok := v.Value().([]byte)
		id, err := strconv.ParseUint(strings.TrimSuffix(strings.ToLower(uuid), baseUUID), 16, 16)
		if !ok || err != nil {
			return nil, parse
		}
		ad.report.Services[uint16(id)] = data
		size += 4 + len(data)
	}
	companies, _ := p["ManufacturerData"].Value().(map[uint16]dbus.Variant)
	for id, v := range companies {
		data, ok := v.Value().([]byte)
		if !ok {
			return nil, parse
		}
		ad.report.Manufacturer[id] = data
		size += 4 + len(data)
	}
	if size > legacyBytesMax {
		return nil, failure("InvalidLength", "Advertising data too long.")
	}
	if name, ok := p["LocalName"].Value().(string); ok {
		ad.report.Name = name
	}
	if ms, ok := p["MinInterval"].Value().(uint32); ok && ms > 0 {
		ad.interval = time.Duration(ms) * time.Millisecond
	}
	_, _ = rand.Read(ad.report.Address[:]) // Read never fails
	ad.report.Address[0] &= 0x3F           // non-resolvable private
	return ad, nil
}

func publicAddress(text string) (a [6]byte) {
	for i, pair := range strings.Split(text, ":") {
		n, _ := strconv.ParseUint(pair, 16, 8) // made by AddAdapter
		a[i] = byte(n)
	}
	return a
}

// transmit makes the other adapters hear an advertisement, at once and then at
// its interval, until it ends.
func (a *Adapter) transmit(ad *advert) {
	tick := time.NewTicker(ad.interval)
	defer tick.Stop()
	for {
		select {
		case <-ad.stop:
			return
		default:
		}
		a.z.mu.Lock()
		for name, other := range a.z.adapters {
			dBm, known := a.z.strength[[2]string{a.name, name}]
			if other == a || !known && a.z.options.Apart {
				continue
			}
			r := ad.report
			r.RSSI = strengthDefault
			if known {
				r.RSSI = dBm
			}
			other.hearLocked(r, time.Now())
		}
		a.z.mu.Unlock()
		select {
		case <-ad.stop:
			return
		case <-tick.C:
		}
	}
}

// endLocked takes one advertisement off the air.
func (a *Adapter) endLocked(key string) {
	close(a.adverts[key].stop)
	delete(a.adverts, key)
	a.slotsLocked()
}

// endAllLocked takes all advertisements off the air without notifying clients.
func (a *Adapter) endAllLocked() {
	for key := range a.adverts {
		a.endLocked(key)
	}
}

func (a *Adapter) slotsLocked() {
	a.z.setLocked(a.path, ifaceSlots, Properties{
		"ActiveInstances":    dbus.MakeVariant(byte(len(a.adverts))),
		"SupportedInstances": dbus.MakeVariant(byte(max(0, a.slots-len(a.adverts)))),
	})
	a.z.notifyLocked()
}

// ReleaseAll ends every advertisement and calls Release of their owners, as BlueZ
// does when the kernel removes them.
func (a *Adapter) ReleaseAll() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	for key, ad := range a.adverts {
		if a.z.conn != nil {
			a.z.conn.Object(ad.client, ad.path).Go(ifaceAdvert+".Release", dbus.FlagNoReplyExpected, nil)
		}
		a.endLocked(key)
	}
}

// OnAir returns what the adapter advertises.
func (a *Adapter) OnAir() []Report {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	var all []Report
	for _, ad := range a.adverts {
		all = append(all, ad.report)
	}
	return all
}

// Shown returns the introspection of the objects below path, of all clients that
// advertise or discover, joined. It returns the D-Bus error of a client that does
// not answer.
func (a *Adapter) Shown(ctx context.Context, path dbus.ObjectPath) (string, error) {
	a.z.mu.Lock()
	conn, clients := a.z.conn, map[string]bool{}
	for _, ad := range a.adverts {
		clients[ad.client] = true
	}
	for client := range a.filters {
		clients[client] = true
	}
	a.z.mu.Unlock()
	var all strings.Builder
	for client := range clients {
		var text string
		if err := conn.Object(client, path).CallWithContext(ctx, "org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&text); err != nil {
			return "", err
		}
		all.WriteString(text)
	}
	return all.String(), nil
}
