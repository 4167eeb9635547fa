package replay

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

const (
	// LineBytesMax bounds a line, in bytes. Chosen: the longest payload in
	// hexadecimal takes 510, and the keys the rest.
	LineBytesMax = 1024
	// offsetMax bounds the length of a capture. Chosen: a week of recording.
	offsetMax = 7 * 24 * time.Hour
)

// line is one line of a capture.
type line struct {
	T       int64  `json:"t"`
	Address string `json:"address"`
	RSSI    *int   `json:"rssi,omitempty"`
	Adv     string `json:"adv"`
}

// advert is a checked line.
type advert struct {
	offset time.Duration
	ble.Advert
}

// reader reads a capture line by line.
type reader struct {
	lines    *bufio.Scanner
	number   int
	last     time.Duration
	payload  []byte
	sections []ble.Section
}

func newReader(r io.Reader) *reader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, LineBytesMax), LineBytesMax)
	return &reader{lines: lines}
}

// next returns the next advert, valid until the next call, or io.EOF at the end.
// Other errors state the number of the line and match no sentinel.
func (r *reader) next() (advert, error) {
	for r.lines.Scan() {
		r.number++
		if len(r.lines.Bytes()) == 0 {
			continue
		}
		a, err := r.parse(r.lines.Bytes())
		if err != nil {
			return advert{}, fmt.Errorf("line %d: %w", r.number, err)
		}
		r.last = a.offset
		return a, nil
	}
	switch err := r.lines.Err(); {
	case err == nil:
		return advert{}, io.EOF
	case errors.Is(err, bufio.ErrTooLong):
		return advert{}, fmt.Errorf("line %d: longer than %d bytes", r.number+1, LineBytesMax)
	default:
		return advert{}, fmt.Errorf("line %d: %w", r.number+1, err)
	}
}

func (r *reader) parse(text []byte) (advert, error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return advert{}, fmt.Errorf("read JSON: %w", err)
	}
	if l.T < r.last.Milliseconds() || l.T > offsetMax.Milliseconds() {
		return advert{}, fmt.Errorf("t is %d, want %d..%d", l.T, r.last.Milliseconds(), offsetMax.Milliseconds())
	}
	a := advert{offset: time.Duration(l.T) * time.Millisecond}
	var err error
	if a.Address, err = ble.ParseAddress(l.Address); err != nil {
		return advert{}, err
	}
	if l.RSSI != nil {
		if a.SetRSSI(*l.RSSI); !a.HasRSSI {
			return advert{}, fmt.Errorf("rssi of %d dBm does not exist; leave it out if it is not known", *l.RSSI)
		}
	}
	if r.payload, err = hex.AppendDecode(r.payload[:0], []byte(l.Adv)); err != nil {
		return advert{}, fmt.Errorf("read adv: %w", err)
	}
	if len(r.payload) == 0 {
		return advert{}, errors.New("adv is missing")
	}
	if r.sections, err = ble.ParsePayload(r.sections[:0], r.payload); err != nil {
		return advert{}, err
	}
	a.Sections = r.sections
	return a, nil
}
