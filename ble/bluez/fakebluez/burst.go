package fakebluez

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Burst is a series of encoded adverts. Sending them costs little, so that their
// receiver can be measured.
type Burst struct {
	z     *BlueZ
	bytes []byte
}

const (
	// serialFirst is the serial of a burst's first message. Chosen: far above the
	// serials that the connection itself reaches.
	serialFirst = 1 << 30
	// serialOffset is the offset of the serial in a message, in bytes. Published:
	// D-Bus Specification, Message Format.
	serialOffset = 8
	// burstChunk is how many bytes one write sends. Chosen: few system calls, and
	// no more than a socket's buffer.
	burstChunk = 1 << 16
)

// Burst encodes adverts of devices that BlueZ has already: each becomes one
// PropertiesChanged, in order. It fails if a report cannot be encoded; the error
// is that of godbus.
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

// Send sends the burst as fast as the bus accepts it. This BlueZ sends nothing
// else meanwhile. It returns the error of the socket.
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
