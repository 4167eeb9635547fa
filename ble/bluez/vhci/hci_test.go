package vhci

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// vectors are commands as the kernel sends them, and their meaning.
var vectors = []struct{ name, packet, want string }{
	{"reset", "01 030c 00", "0c03"},
	{"random address", "01 0520 06 665544332211", "2005 665544332211"},
	{"legacy parameters", "01 0620 0f a000a000 03 01 00 000000000000 07 00",
		"{handle:255 interval:100000000 kind:3 random:true extended:false}"},
	{"legacy data", "01 0820 20 05 0201060102" + strings.Repeat("00", 26), "0201060102"},
	{"legacy on", "01 0a20 01 01", "{on:true handles:[255]}"},
	{"scan parameters", "01 0b20 07 01 1200 1200 01 00", "{active:true share:1}"},
	{"scan on, unfiltered", "01 0c20 02 01 00", "{on:true filter:false}"},
	{"set address", "01 3520 07 01 665544332211", "{handle:1 address:[17 34 51 68 85 102]}"},
	{"extended parameters of a legacy set", "01 3620 19 01 1000 a00000 a00000 07 01 00 000000000000 00 7f 01 00 01 00 00",
		"{handle:1 interval:100000000 kind:3 random:true extended:false}"},
	{"extended parameters, too fast", "01 3620 19 02 0000 010000 010000 07 00 00 000000000000 00 7f 01 00 01 00 00",
		"{handle:2 interval:20000000 kind:3 random:false extended:true}"},
	{"extended data", "01 3720 07 01 03 01 03 020106", "{handle:1 first:true data:[2 1 6]}"},
	{"extended on", "01 3920 06 01 01 01 0000 00", "{on:true handles:[1]}"},
	{"all off", "01 3920 02 00 00", "{on:false handles:[]}"},
	{"extended scan parameters", "01 4120 08 01 00 01 00 6000 3000", "{active:false share:0.5}"},
	{"extended scan on, filtered", "01 4220 06 01 01 0000 0000", "{on:true filter:true}"},
}

// describe parses a command's parameters and writes them as text.
func describe(c command) (string, error) {
	say := func(v any, err error) (string, error) { return fmt.Sprintf("%+v", v), err }
	switch c.op {
	case opLEAdvParams:
		return say(parseAdvParams(c.params))
	case opLEExtAdvParams:
		return say(parseExtAdvParams(c.params))
	case opLEAdvData:
		data, err := parseAdvData(c.params)
		return hex.EncodeToString(data), err
	case opLEExtAdvData:
		return say(parseExtAdvData(c.params))
	case opLEAdvEnable:
		return say(parseAdvEnable(c.params))
	case opLEExtAdvEnable:
		return say(parseExtAdvEnable(c.params))
	case opLEScanParams:
		return say(parseScanParams(c.params))
	case opLEExtScanParams:
		return say(parseExtScanParams(c.params))
	case opLEScanEnable:
		return say(parseScanEnable(c.params))
	case opLEExtScanEnable:
		return say(parseExtScanEnable(c.params))
	case opLESetAdvSetAddress:
		return say(parseSetAddress(c.params))
	default:
		return strings.TrimSpace(fmt.Sprintf("%04x %x", uint16(c.op), c.params)), nil
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		c, err := parseCommand(unhex(t, v.packet))
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if got, err := describe(c); got != v.want || err != nil {
			t.Errorf("%s:\nhave %s, %v\nwant %s", v.name, got, err, v.want)
		}
	}
}

// TestEveryPrefixIsRefused cuts packets, and parameters whose length was set
// right again, after each byte.
func TestEveryPrefixIsRefused(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		packet := unhex(t, v.packet)
		for n := range len(packet) {
			if _, err := parseCommand(packet[:n]); !errors.Is(err, errPacketCut) {
				t.Errorf("%s cut after %d: %v", v.name, n, err)
			}
		}
		if _, err := parseCommand(append(packet, 0)); !errors.Is(err, errPacketLong) {
			t.Errorf("%s with a byte more: %v", v.name, err)
		}
		whole, err := parseCommand(packet)
		if err != nil || whole.op == opReset {
			continue
		}
		for n := range len(whole.params) {
			cut := command{whole.op, whole.params[:n]}
			s := newState(Model{Extended: true})
			if got, _ := s.run(cut, time.Time{}); got != statusInvalid {
				t.Errorf("%s with %d bytes of parameters: status %#x", v.name, n, got)
			}
		}
	}
	if _, err := parseCommand([]byte{2, 0, 0, 0}); !errors.Is(err, errNoCommand) {
		t.Errorf("data for a connection: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	if got := appendComplete(nil, opReset, statusOK); !bytes.Equal(got, unhex(t, "04 0e 04 01 030c 00")) {
		t.Errorf("reset: % x", got)
	}
	if got := appendComplete(nil, opLEReadAdvPower, statusOK, 7); !bytes.Equal(got, unhex(t, "04 0e 05 01 0720 00 07")) {
		t.Errorf("power: % x", got)
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	r := Report{Kind: NonConnectable, Address: ble.Address{0x11, 0x22, 0x33, 0x44, 0x55, 0x66}, Random: true, Data: []byte{2, 1, 6}, RSSI: -50}
	extended := r
	extended.Extended = true
	response := r
	response.Kind = ScanResponse
	for _, c := range []struct {
		name, want string
		report     Report
		extended   bool
	}{
		{"legacy", "04 3e 0f 02 01 03 01 665544332211 03 020106 ce", r, false},
		{"legacy to an extended controller", "04 3e 1d 0d 01 1000 01 665544332211 01 00 ff 7f ce 0000 00 000000000000 03 020106", r, true},
		{"a scan response", "04 3e 1d 0d 01 1a00 01 665544332211 01 00 ff 7f ce 0000 00 000000000000 03 020106", response, true},
		{"extended", "04 3e 1d 0d 01 0000 01 665544332211 01 01 ff 7f ce 0000 00 000000000000 03 020106", extended, true},
	} {
		if got, err := appendReport(nil, c.report, c.extended); err != nil || !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%s:\nhave % x, %v\nwant %s", c.name, got, err, c.want)
		}
	}
	for n, fits := range map[int]bool{extendedDataMax: true, extendedDataMax + 1: false} {
		extended.Data = make([]byte, n)
		b, err := appendReport(nil, extended, true)
		if (err == nil) != fits || (fits && (int(b[2]) != paramsBytesMax || len(b) != 3+paramsBytesMax)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	r.Data = make([]byte, ble.LegacyBytesMax+1)
	if _, err := appendReport(nil, r, true); !errors.Is(err, errReportLong) {
		t.Errorf("32 bytes in a legacy packet: %v", err)
	}
	if _, err := appendReport(nil, extended, false); !errors.Is(err, errReportLong) {
		t.Errorf("an extended packet at an old controller: %v", err)
	}
}

// TestWhatTheHostMayRead checks the lengths that the kernel expects.
func TestWhatTheHostMayRead(t *testing.T) {
	t.Parallel()
	s := newState(Model{Address: ble.Address{0, 0x1A, 0x7D, 0, 0, 1}, Extended: true})
	for op, want := range map[opcode]int{
		opReadVersion: 8, opReadCommands: 64, opReadFeatures: 8, opReadBufferSize: 7, opReadAddress: 6, opReadLocalName: 248,
		opLEReadBufferSize: 3, opLEReadFeatures: 8, opLEReadAdvPower: 1, opLEReadAcceptSize: 1, opLEReadStates: 8,
		opLEReadAdvDataMax: 2, opLEReadAdvSets: 1, opLEReadTransmitPower: 2,
	} {
		if got, returned := s.run(command{op: op}, time.Time{}); got != statusOK || len(returned) != want {
			t.Errorf("%04x: status %#x and %d bytes, want %d", uint16(op), got, len(returned), want)
		}
	}
	if got, _ := s.run(command{op: 0xfc01}, time.Time{}); got != statusUnknownCommand || s.unknown[0xfc01] != 1 {
		t.Errorf("a vendor's command: %#x", got)
	}
}

// FuzzCommand gives a controller anything, twice, as a host might.
func FuzzCommand(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.packet), unhex(f, vectors[0].packet))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		for _, extended := range []bool{false, true} {
			s := newState(Model{Extended: extended})
			for _, packet := range [][]byte{first, second, first} {
				c, err := parseCommand(packet)
				if err != nil {
					continue
				}
				answer, returned := s.run(c, time.Time{})
				event := appendComplete(nil, c.op, answer, returned...)
				if len(event) != 3+int(event[2]) {
					t.Fatalf("an answer of %d bytes says %d", len(event), event[2])
				}
				if len(s.sets) > setsMax {
					t.Fatalf("%d sets", len(s.sets))
				}
				for _, set := range s.sets {
					if set.on && set.interval < intervalMin {
						t.Fatalf("sent each %v", set.interval)
					}
					r := s.reportOf(set)
					r.RSSI = -60
					if _, err := appendReport(nil, r, true); err != nil {
						t.Fatalf("a set that cannot be reported: %v", err)
					}
				}
			}
		}
	})
}
