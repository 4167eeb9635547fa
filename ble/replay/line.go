package replay

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/paybeacon/paybeacon/ble"
)

// LineBytesMax bounds a line that Writer writes, in bytes. Chosen: the longest
// payload in hexadecimal takes 3,300, and the keys the rest.
const LineBytesMax = 4096

// line is one line of a capture as Writer writes it.
type line struct {
	T       int64  `json:"t"`
	Address string `json:"address"`
	RSSI    *int   `json:"rssi,omitempty"`
	Adv     string `json:"adv"`
}

// foreignLine is a line as it is read: each value by itself, so that an odd one
// hides no other.
type foreignLine struct {
	T, Address, RSSI, Adv json.RawMessage
}

// advert is what a line holds.
type advert struct {
	when
	ble.Advert
	// damage says what of it cannot be read, as the rest of a sentence; "" means
	// nothing.
	damage string
}

// parser reads lines. Its memory is reused: an advert is valid until the next
// call.
type parser struct {
	payload  []byte
	sections []ble.Section
}

// parse reads what one JSON object says. The error says why the advert cannot be
// played, as the rest of a sentence about the line.
func (p *parser) parse(l foreignLine) (advert, error) {
	w, err := parseTime(l.T)
	if err != nil {
		return advert{}, err
	}
	if len(l.Adv) == 0 {
		return advert{}, errors.New("has no adv")
	}
	a := advert{when: w}
	var damage []string
	if a.Sections, damage, err = p.readAdv(l.Adv); err != nil {
		return advert{}, err
	}
	if a.Address, err = readAddress(l.Address); err != nil {
		damage = append(damage, "its address is unknown: "+strings.TrimPrefix(err.Error(), "read address: "))
	}
	if err := readRSSI(&a.Advert, l.RSSI); err != nil {
		damage = append(damage, err.Error())
	}
	a.damage = strings.Join(damage, "; ")
	return a, nil
}

// readAdv reads the sections of a payload in hexadecimal, and what is damaged of
// it. It fails if nothing of it can be read.
func (p *parser) readAdv(raw json.RawMessage) (sections []ble.Section, damage []string, err error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, nil, errors.New("adv is no text")
	}
	p.payload, err = hex.AppendDecode(p.payload[:0], []byte(text))
	if err != nil {
		if len(p.payload) == 0 {
			return nil, nil, errors.New("adv is not hexadecimal")
		}
		damage = append(damage, fmt.Sprintf("adv is hexadecimal only up to byte %d", len(p.payload)))
	}
	p.sections, err = ble.ParsePayload(p.sections[:0], p.payload)
	if err != nil && damage == nil {
		damage = append(damage, "adv: "+strings.TrimPrefix(err.Error(), "parse payload: "))
	}
	return p.sections, damage, nil
}

func readAddress(raw json.RawMessage) (ble.Address, error) {
	var text string
	if len(raw) == 0 || json.Unmarshal(raw, &text) != nil {
		return ble.Address{}, errors.New("there is none")
	}
	return ble.ParseAddress(text)
}

// rssiUnknown stands for a strength that the controller does not know.
const rssiUnknown = int(ble.Unheard)

// readRSSI stores a strength if there is one. The error says why there is none,
// where that is odd.
func readRSSI(a *ble.Advert, raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	v, err := parseNumber(raw)
	if err != nil || v < math.MinInt16 || v > math.MaxInt16 {
		return errors.New("its rssi is no strength, so it has none")
	}
	dBm := int(math.Round(v))
	if a.SetRSSI(dBm); !a.HasRSSI && dBm != rssiUnknown {
		return fmt.Errorf("no radio reports an rssi of %d dBm, so it has none", dBm)
	}
	return nil
}

// between is what may stand around an object without being odd: blanks, the
// brackets and commas of a JSON list, the mark at the beginning of a text file, and
// the zeros that a loss of power leaves in one.
const between = " \t\r\n,[]\ufeff\x00"

// objectTriesMax bounds the search for an object behind damage. Chosen: a line
// that swallowed another has few braces before it.
const objectTriesMax = 16

// objects calls fn for every JSON object in a line, with where it begins and its
// length, and odd for every stretch that is none. A line that ends in another one,
// because it was cut off or the break between them is missing, does not hide that.
// It returns the first error of fn.
func objects(text []byte, fn func(at, size int, l foreignLine) error, odd func()) error {
	text = bytes.TrimRight(text, between)
	for at := 0; ; {
		at = len(text) - len(bytes.TrimLeft(text[at:], between))
		if at == len(text) {
			return nil
		}
		size, l := decodeLine(text[at:])
		if size == 0 {
			odd()
			at = nextAdvert(text, at+1)
			continue
		}
		if err := fn(at, size, l); err != nil {
			return err
		}
		at += size
	}
}

// nextAdvert returns where in text, from the offset from on, an object begins that
// could be an advert; without one, the length of text.
func nextAdvert(text []byte, from int) int {
	for range objectTriesMax {
		next := bytes.IndexByte(text[from:], '{')
		if next < 0 {
			break
		}
		from += next
		if size, l := decodeLine(text[from:]); size > 0 && len(l.T) > 0 && len(l.Adv) > 0 {
			return from
		}
		from++
	}
	return len(text)
}

// decodeLine decodes the object at the beginning of text and returns its length, or
// 0 if there is none.
func decodeLine(text []byte) (size int, l foreignLine) {
	if text[0] != '{' {
		return 0, foreignLine{}
	}
	if json.Unmarshal(text, &l) == nil { // nearly every line is one object
		return len(text), l
	}
	l = foreignLine{}
	d := json.NewDecoder(bytes.NewReader(text))
	if d.Decode(&l) != nil {
		return 0, foreignLine{}
	}
	return int(d.InputOffset()), l
}
