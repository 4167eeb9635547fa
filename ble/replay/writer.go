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

// NewWriter returns a writer that counts time from the first advert.
func NewWriter(w io.Writer) *Writer { return &Writer{out: json.NewEncoder(w)} }

// Write appends one advert as one line, with a single Write of the underlying
// writer. An advert without sections is not worth a line and leaves none. What
// Write wrote, Open reads.
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
