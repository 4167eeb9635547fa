package fakebluez

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Burst is a run of adverts that are encoded already, so that sending them costs
// next to nothing and their receiver can be measured.
type Burst struct {
	z     *BlueZ
	bytes []byte
}

const (
	// serialFirst is far beyond what the connection itself counts to.
	serialFirst  = 1 << 30
	serialOffset = 8       // of the serial in a message (D-Bus Specification, Message Format)
	burstChunk   = 1 << 16 // bytes a write
)

// Burst encodes adverts of devices that are known to BlueZ: each becomes one
// change of properties, in order.
func (a *Adapter) Burst(reports []Report) (*Burst, error) {
	var out bytes.Buffer
	for i, r := range reports {
		m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath:      dbus.MakeVariant(a.Path(r.Address)),
			dbus.FieldInterface: dbus.MakeVariant(ifaceProps),
			dbus.FieldMember:    dbus.MakeVariant("PropertiesChanged"),
		}}
		m.Body = []any{ifaceDevice, r.properties(), []string{}}
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(m.Body...))
		at := out.Len()
		if err := m.EncodeTo(&out, binary.LittleEndian); err != nil {
			return nil, fmt.Errorf("encode burst: %w", err)
		}
		binary.LittleEndian.PutUint32(out.Bytes()[at+serialOffset:], uint32(serialFirst+i))
	}
	return &Burst{z: a.z, bytes: out.Bytes()}, nil
}

// Send sends the burst as fast as the bus takes it. Nothing else of this BlueZ
// is sent meanwhile.
func (b *Burst) Send() error {
	b.z.mu.Lock()
	w := b.z.wire
	b.z.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := b.bytes; len(rest) > 0; {
		n, err := w.Conn.Write(rest[:min(burstChunk, len(rest))])
		if err != nil {
			return fmt.Errorf("send burst: %w", err)
		}
		rest = rest[n:]
	}
	return nil
}
