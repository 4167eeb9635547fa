package ble

import (
	"cmp"
	"encoding/binary"
	"errors"
)

// The types of the AD structures that AppendEID writes beside sections, and the
// sizes of the parts of one. Published: Bluetooth Core 5.4, volume 3, part C,
// 11, and Assigned Numbers, 2.3.
const (
	adFlags        = 0x01
	adServices16   = 0x03 // complete list of 16-bit service UUIDs
	adHeaderBytes  = 2    // length and type
	sectionIDBytes = 2
)

// The kinds of damage in a payload, and the reasons to refuse to write one.
var (
	errPayloadLong    = errors.New("parse payload: longer than an advertising report")
	errPayloadCut     = errors.New("parse payload: ends inside a structure")
	errPayloadPadding = errors.New("parse payload: data after its end")
	errPayloadSection = errors.New("parse payload: service or manufacturer data without an id")
	errSectionLong    = errors.New("append payload: section does not fit an AD structure")
	errSectionKind    = errors.New("append payload: unknown kind of section")
)

// ParsePayload appends to dst the service and manufacturer sections of an
// advertising payload. A payload is a row of AD structures, each a length, a
// type and data; a length of zero ends it early (Bluetooth Core 5.4, volume 3,
// part C, 11). Structures of other types are skipped. The sections share memory
// with payload.
//
// An odd structure never hides a sound one: beside an error, ParsePayload
// returns every section that can be read. The error states the first damage and
// matches no exported sentinel. A payload that ends inside a structure, or has
// data after its end, is read up to there, one longer than PayloadBytesMax up to
// that length; a section without an ID is left out and what follows it is read.
// A caller that wants all or nothing checks the error.
func ParsePayload(dst []Section, payload []byte) ([]Section, error) {
	var damage error
	if len(payload) > PayloadBytesMax {
		payload, damage = payload[:PayloadBytesMax], errPayloadLong
	}
	for rest := payload; len(rest) > 0; {
		n := int(rest[0])
		if n == 0 {
			if !allZero(rest) {
				damage = cmp.Or(damage, errPayloadPadding)
			}
			break
		}
		if n >= len(rest) {
			damage = cmp.Or(damage, errPayloadCut)
			break
		}
		kind, data := SectionKind(rest[1]), rest[adHeaderBytes:n+1]
		rest = rest[n+1:]
		if kind != ServiceData && kind != ManufacturerData {
			continue
		}
		if len(data) < sectionIDBytes {
			damage = cmp.Or(damage, errPayloadSection)
			continue
		}
		dst = append(dst, Section{Kind: kind, ID: binary.LittleEndian.Uint16(data), Data: data[sectionIDBytes:]})
	}
	return dst, damage
}

// AppendPayload appends sections to b as AD structures. ParsePayload reads the
// same sections back. It fails on a section that is longer than an AD structure
// can be and on one of an unknown kind; the error matches no exported sentinel.
func AppendPayload(b []byte, sections []Section) ([]byte, error) {
	for _, s := range sections {
		if s.Kind != ServiceData && s.Kind != ManufacturerData {
			return b, errSectionKind
		}
		if len(s.Data) > SectionBytesMax {
			return b, errSectionLong
		}
		b = append(b, byte(1+sectionIDBytes+len(s.Data)), byte(s.Kind), byte(s.ID), byte(s.ID>>8))
		b = append(b, s.Data...)
	}
	return b, nil
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
