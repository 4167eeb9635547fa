package vhci

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// Model says what sort of controller one is.
type Model struct {
	// Address is its public one.
	Address ble.Address
	// Extended says that it knows extended advertising and scanning.
	Extended bool
	// FilterByData makes its duplicate filter let a sender through when it says
	// something new. Most chips go by the address alone.
	FilterByData bool
}

// setsMax is how many advertisements an extended controller can send at once.
const setsMax = 4

// filterMax bounds what a duplicate filter remembers; a full one forgets all.
const filterMax = 4096

// advSet is one advertisement that a host has prepared.
type advSet struct {
	advertising
	address  ble.Address // the random one
	data     []byte
	response []byte
	on       bool
	due      time.Time // of its next sending
}

// state is a controller without its port: what the host has told it.
type state struct {
	model   Model
	random  ble.Address
	scan    scanning
	listen  scanEnabling
	seen    map[sender]struct{}
	sets    map[byte]*advSet
	deaf    Cure
	unknown map[opcode]int
}

// sender is what a duplicate filter remembers.
type sender struct {
	address ble.Address
	kind    Kind
	data    [ble.LegacyBytesMax]byte
}

func newState(m Model) *state {
	return &state{model: m, scan: scanning{share: 1}, seen: map[sender]struct{}{}, sets: map[byte]*advSet{}, unknown: map[opcode]int{}}
}

// do obeys one command at the moment now and returns its answer.
func (s *state) do(c command, now time.Time) (status, []byte) {
	if returned, ok := s.read(c.op); ok {
		return statusOK, returned
	}
	var err error
	switch c.op {
	case opSetEventMask, opSetEventMask2, opWriteLEHost, opLESetEventMask, opLEClearAccept:
	case opReset:
		s.reset()
	case opLESetRandomAddress:
		if len(c.params) != len(s.random) {
			return statusInvalid, nil
		}
		s.random = addressAt(c.params)
	case opLEScanParams:
		s.scan, err = keep(s.scan, c.params, parseScanParams)
	case opLEExtScanParams:
		s.scan, err = keep(s.scan, c.params, parseExtScanParams)
	case opLEScanEnable:
		err = s.listenTo(parseScanEnable(c.params))
	case opLEExtScanEnable:
		err = s.listenTo(parseExtScanEnable(c.params))
	default:
		return s.advertise(c, now)
	}
	if err != nil {
		return statusInvalid, nil
	}
	return statusOK, nil
}

// advertise obeys the commands about advertisements.
func (s *state) advertise(c command, now time.Time) (status, []byte) {
	var err error
	switch c.op {
	case opLEAdvParams:
		err = s.prepare(parseAdvParams(c.params))
	case opLEExtAdvParams:
		if err = s.prepare(parseExtAdvParams(c.params)); err == nil {
			return statusOK, []byte{0} // the power that was chosen, dBm
		}
	case opLEAdvData, opLEScanResponse:
		var data []byte
		if data, err = parseAdvData(c.params); err == nil {
			err = s.fill(dataPart{handle: legacyHandle, first: true, data: data}, c.op == opLEScanResponse)
		}
	case opLEExtAdvData, opLEExtScanResponse:
		var part dataPart
		if part, err = parseExtAdvData(c.params); err == nil {
			err = s.fill(part, c.op == opLEExtScanResponse)
		}
	case opLESetAdvSetAddress:
		var a setAddress
		if a, err = parseSetAddress(c.params); err == nil && s.sets[a.handle] != nil {
			s.sets[a.handle].address = a.address
		}
	case opLEAdvEnable:
		err = s.enable(parseAdvEnable, c.params, now)
	case opLEExtAdvEnable:
		err = s.enable(parseExtAdvEnable, c.params, now)
	case opLERemoveAdvSet:
		if len(c.params) != 1 {
			return statusInvalid, nil
		}
		delete(s.sets, c.params[0])
	case opLEClearAdvSets:
		clear(s.sets)
	default:
		s.unknown[c.op]++
		return statusUnknownCommand, nil
	}
	if err != nil {
		return statusInvalid, nil
	}
	return statusOK, nil
}

// keep returns what parse reads, or what was there before.
func keep[T any](before T, p []byte, parse func([]byte) (T, error)) (T, error) {
	after, err := parse(p)
	if err != nil {
		return before, err
	}
	return after, nil
}

func (s *state) reset() {
	clear(s.sets)
	clear(s.seen)
	s.listen, s.scan = scanEnabling{}, scanning{share: 1}
	if s.deaf <= CureReset {
		s.deaf = Hears
	}
}

func (s *state) listenTo(e scanEnabling, err error) error {
	if err != nil {
		return err
	}
	if e.on {
		clear(s.seen)
		if s.deaf <= CureScan {
			s.deaf = Hears
		}
	}
	s.listen = e
	return nil
}

func (s *state) prepare(a advertising, err error) error {
	if err != nil {
		return err
	}
	set := s.sets[a.handle]
	if set == nil {
		if len(s.sets) == setsMax {
			return errParams
		}
		set = &advSet{}
		s.sets[a.handle] = set
	}
	set.advertising = a
	return nil
}

func (s *state) fill(part dataPart, response bool) error {
	set := s.sets[part.handle]
	if set == nil {
		// The legacy set may be filled before it is described.
		if part.handle != legacyHandle {
			return errParams
		}
		set = &advSet{advertising: advertising{handle: legacyHandle, interval: atLeast(0)}}
		s.sets[legacyHandle] = set
	}
	to := &set.data
	if response {
		to = &set.response
	}
	if part.first {
		*to = nil
	}
	limit := ble.LegacyBytesMax
	if set.extended {
		limit = extendedDataMax
	}
	if len(*to)+len(part.data) > limit {
		*to = nil
		return errParams
	}
	*to = append(slices.Clone(*to), part.data...)
	return nil
}

func (s *state) enable(parse func([]byte) (enabling, error), p []byte, now time.Time) error {
	e, err := parse(p)
	if err != nil {
		return err
	}
	if len(e.handles) == 0 {
		e.handles = slices.Collect(maps.Keys(s.sets))
	}
	for _, h := range e.handles {
		set := s.sets[h]
		if set == nil {
			if e.on {
				return errParams
			}
			continue
		}
		if h == legacyHandle {
			set.address = s.random
		}
		set.on, set.due = e.on, now
	}
	return nil
}

// report is what a set sends.
func (s *state) report(set *advSet) Report {
	r := Report{Kind: set.kind, Address: s.model.Address, Data: set.data, Extended: set.extended}
	if set.random {
		r.Random, r.Address = true, set.address
	}
	return r
}

// verdict is what became of an advertisement at one controller.
type verdict byte

const (
	heard     verdict = iota
	closed            // it did not listen at that moment, or could not understand
	deafened          // it should have heard
	duplicate         // its filter dropped it
)

// hear decides whether the host is told of r. luck is uniform in 0..1 and
// stands for where in the scan interval r fell.
func (s *state) hear(r Report, luck float64) verdict {
	switch {
	case !s.listen.on || luck >= s.scan.share || (r.Extended && !s.model.Extended):
		return closed
	case r.Kind == ScanResponse && !s.scan.active:
		return closed
	case s.deaf != Hears:
		return deafened
	case !s.listen.filter:
		return heard
	}
	from := sender{address: r.Address, kind: r.Kind}
	if s.model.FilterByData {
		copy(from.data[:], r.Data)
	}
	if _, known := s.seen[from]; known {
		return duplicate
	}
	if len(s.seen) == filterMax {
		clear(s.seen)
	}
	s.seen[from] = struct{}{}
	return heard
}

// after is when a set that was sent at its time is due again: advertisers add up
// to 10 ms by chance, so that two of them do not collide for ever.
func (set *advSet) after(now time.Time, random *rand.Rand) time.Time {
	return now.Add(set.interval + time.Duration(random.Int64N(int64(10*time.Millisecond))))
}

// read answers the commands that only ask.
func (s *state) read(op opcode) ([]byte, bool) {
	switch op {
	case opReadVersion: // 5.2, of nobody
		return []byte{0x0b, 0, 0, 0x0b, 0xf1, 0x05, 0, 0}, true
	case opReadCommands:
		return s.commands(), true
	case opReadFeatures: // LE only
		return []byte{0, 0, 0, 0, 0x60, 0, 0, 0}, true
	case opReadBufferSize:
		return []byte{0xfb, 0, 0, 4, 0, 0, 0}, true
	case opReadAddress:
		return appendAddress(nil, s.model.Address), true
	case opReadLocalName:
		return make([]byte, 248), true
	case opLEReadBufferSize:
		return []byte{0xfb, 0, 4}, true
	case opLEReadFeatures:
		b := make([]byte, 8)
		if s.model.Extended {
			b[1] = 0x10
		}
		return b, true
	case opLEReadAdvPower:
		return []byte{0}, true
	case opLEReadAcceptSize:
		return []byte{8}, true
	case opLEReadStates:
		return []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0, 0}, true
	case opLEReadAdvDataMax:
		return binary.LittleEndian.AppendUint16(nil, extendedDataMax), true
	case opLEReadAdvSets:
		return []byte{setsMax}, true
	case opLEReadTransmitPower: // -20..8 dBm
		return []byte{0xec, 0x08}, true
	default:
		return nil, false
	}
}

// commands is the bit mask of what the controller knows (volume 4, part E, 6.27).
func (s *state) commands() []byte {
	b := make([]byte, 64)
	b[5] = 0xc0  // event mask, reset
	b[14] = 0x28 // version, features
	b[15] = 0x02 // address
	b[25] = 0xf7 // LE: event mask to advertising data
	b[26] = 0xcf // LE: scan response to scan enable, accept list
	b[28] = 0x08 // LE: states
	if s.model.Extended {
		b[36] = 0xfe // LE: sets
		b[37] = 0x63 // LE: removing sets, extended scanning
	}
	return b
}
