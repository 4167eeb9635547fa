package vhci

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// Model describes the kind of a controller.
type Model struct {
	// Address is the public address.
	Address ble.Address
	// Extended reports whether it supports extended advertising and scanning.
	Extended bool
	// FilterByData makes its duplicate filter compare data as well as addresses.
	// Most chips compare addresses only.
	FilterByData bool
}

// setsMax is how many advertisements an extended controller can send at once.
// Chosen: more than the program uses at once.
const setsMax = 4

// filterMax bounds the entries of a duplicate filter; a full one is cleared.
// Chosen: as many devices as the program tracks.
const filterMax = 4096

// advSet is one advertisement that a host has prepared.
type advSet struct {
	advertising
	address  ble.Address // the random address
	data     []byte
	response []byte
	on       bool
	due      time.Time // when it is sent next
}

// state is a controller without its port: what the host has set.
type state struct {
	model      Model
	random     ble.Address
	scanParams scanning
	enabled    scanEnabling
	seen       map[sender]struct{}
	sets       map[byte]*advSet
	deaf       Cure
	unknown    map[opcode]int
}

// sender is an entry of a duplicate filter.
type sender struct {
	address ble.Address
	kind    Kind
	data    [ble.LegacyBytesMax]byte
}

func newState(m Model) *state {
	return &state{model: m, scanParams: scanning{share: 1}, seen: map[sender]struct{}{}, sets: map[byte]*advSet{}, unknown: map[opcode]int{}}
}

// run carries out one command at the moment now and returns its answer.
func (s *state) run(c command, now time.Time) (status, []byte) {
	if returned, ok := s.readOnly(c.op); ok {
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
		s.scanParams, err = parseOr(s.scanParams, c.params, parseScanParams)
	case opLEExtScanParams:
		s.scanParams, err = parseOr(s.scanParams, c.params, parseExtScanParams)
	case opLEScanEnable:
		err = s.enableScan(parseScanEnable(c.params))
	case opLEExtScanEnable:
		err = s.enableScan(parseExtScanEnable(c.params))
	default:
		return s.runAdvertising(c, now)
	}
	if err != nil {
		return statusInvalid, nil
	}
	return statusOK, nil
}

// runAdvertising carries out the commands about advertisements.
func (s *state) runAdvertising(c command, now time.Time) (status, []byte) {
	var err error
	switch c.op {
	case opLEAdvParams:
		err = s.setParams(parseAdvParams(c.params))
	case opLEExtAdvParams:
		if err = s.setParams(parseExtAdvParams(c.params)); err == nil {
			return statusOK, []byte{0} // the selected power, in dBm
		}
	case opLEAdvData, opLEScanResponse:
		var data []byte
		if data, err = parseAdvData(c.params); err == nil {
			err = s.setData(dataPart{handle: legacyHandle, first: true, data: data}, c.op == opLEScanResponse)
		}
	case opLEExtAdvData, opLEExtScanResponse:
		var part dataPart
		if part, err = parseExtAdvData(c.params); err == nil {
			err = s.setData(part, c.op == opLEExtScanResponse)
		}
	case opLESetAdvSetAddress:
		var a setAddress
		if a, err = parseSetAddress(c.params); err == nil && s.sets[a.handle] != nil {
			s.sets[a.handle].address = a.address
		}
	case opLEAdvEnable:
		err = s.enableSets(parseAdvEnable, c.params, now)
	case opLEExtAdvEnable:
		err = s.enableSets(parseExtAdvEnable, c.params, now)
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

// parseOr returns what parse reads from p, or before and the error of parse.
func parseOr[T any](before T, p []byte, parse func([]byte) (T, error)) (T, error) {
	after, err := parse(p)
	if err != nil {
		return before, err
	}
	return after, nil
}

func (s *state) reset() {
	clear(s.sets)
	clear(s.seen)
	s.enabled, s.scanParams = scanEnabling{}, scanning{share: 1}
	if s.deaf <= CureReset {
		s.deaf = Hears
	}
}

func (s *state) enableScan(e scanEnabling, err error) error {
	if err != nil {
		return err
	}
	if e.on {
		clear(s.seen)
		if s.deaf <= CureScan {
			s.deaf = Hears
		}
	}
	s.enabled = e
	return nil
}

func (s *state) setParams(a advertising, err error) error {
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

func (s *state) setData(part dataPart, response bool) error {
	set := s.sets[part.handle]
	if set == nil {
		// The legacy set may get its data before its parameters.
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

func (s *state) enableSets(parse func([]byte) (enabling, error), p []byte, now time.Time) error {
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

// reportOf returns the advertisement that a set sends.
func (s *state) reportOf(set *advSet) Report {
	r := Report{Kind: set.kind, Address: s.model.Address, Data: set.data, Extended: set.extended}
	if set.random {
		r.Random, r.Address = true, set.address
	}
	return r
}

// verdict is what happens to an advertisement at one controller.
type verdict byte

const (
	heard        verdict = iota
	notListening         // it did not listen at that moment, or could not understand
	whileDeaf            // it should have heard
	duplicate            // its filter dropped it
)

// receive decides whether r is reported to the host. luck is uniform in 0..1 and
// is the position of r in the scan interval.
func (s *state) receive(r Report, luck float64) verdict {
	switch {
	case !s.enabled.on || luck >= s.scanParams.share || (r.Extended && !s.model.Extended):
		return notListening
	case r.Kind == ScanResponse && !s.scanParams.active:
		return notListening
	case s.deaf != Hears:
		return whileDeaf
	case !s.enabled.filter:
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

// nextDue is when a set that was sent at the moment now is due again. Advertisers
// add a random delay of up to 10 ms, so that two of them do not collide for ever.
// Published: Bluetooth Core 5.4, volume 6, part B, 4.4.2.2 (advDelay).
func (set *advSet) nextDue(now time.Time, random *rand.Rand) time.Time {
	return now.Add(set.interval + time.Duration(random.Int64N(int64(10*time.Millisecond))))
}

// readOnly answers the commands that only read, and reports whether op is one.
func (s *state) readOnly(op opcode) ([]byte, bool) {
	switch op {
	case opReadVersion: // 5.2, manufacturer The Linux Foundation
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

// commands returns the bit mask of the commands that the controller supports
// (Bluetooth Core 5.4, volume 4, part E, 6.27).
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
