package replay

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// Writer records adverts as a capture. It is not safe for concurrent use.
type Writer struct {
	out   *json.Encoder
	start time.Time
	begun bool
	last  int64
}

// NewWriter returns a writer of a capture that begins with the first advert.
func NewWriter(w io.Writer) *Writer { return &Writer{out: json.NewEncoder(w)} }

// Write appends one advert as one line, with a single Write of the underlying
// writer. It ignores an advert without sections. Open reads everything that Write
// has written. Write fails on an advert with more sections or bytes than a
// payload can have, and returns the error of the underlying writer.
func (w *Writer) Write(a ble.Advert) error {
	if len(a.Sections) == 0 {
		return nil
	}
	payload, err := ble.AppendPayload(nil, a.Sections)
	if err != nil {
		return fmt.Errorf("record advert: %w", err)
	}
	if len(payload) > ble.PayloadBytesMax || len(a.Sections) > ble.SectionsMax {
		return fmt.Errorf("record advert: %d bytes in %d sections are more than a payload holds", len(payload), len(a.Sections))
	}
	if !w.begun {
		w.begun, w.start = true, a.At
	}
	w.last = max(w.last, a.At.Sub(w.start).Milliseconds())
	l := line{T: w.last, Address: a.Address.String(), Adv: hex.EncodeToString(payload)}
	if a.HasRSSI {
		rssi := int(a.RSSI)
		l.RSSI = &rssi
	}
	if err := w.out.Encode(l); err != nil {
		return fmt.Errorf("record advert: %w", err)
	}
	return nil
}
