package pay_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

func TestPINsReadBackWhatTheyShow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p, err := pay.NewPIN(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(r, "random")))
		if err != nil {
			r.Fatal(err)
		}
		shown := p.String()
		if len(shown) != 14 || shown[4] != '-' || shown[9] != '-' || strings.ContainsAny(shown, "ILOUilou") {
			r.Fatalf("shown as %s", shown)
		}
		for _, typed := range []string{
			shown, strings.ToLower(shown), strings.ReplaceAll(shown, "-", ""), strings.ReplaceAll(shown, "-", " "), " " + shown + " ",
			strings.ReplaceAll(shown, "0", "O"), strings.ReplaceAll(shown, "0", "o"), strings.ReplaceAll(shown, "1", "I"),
			strings.ReplaceAll(shown, "1", "l"), strings.ReplaceAll(shown, "1", "i"), strings.ReplaceAll(shown, "1", "L"),
		} {
			if back, err := pay.ParsePIN(typed); err != nil || back != p {
				r.Fatalf("%q reads as %s, %v", typed, back, err)
			}
		}
	})
}

// Each of the 12 characters carries 5 bits: every byte of randomness moves its
// own character and all 32 appear equally often.
func TestPINHas60Bits(t *testing.T) {
	t.Parallel()
	for i := range 12 {
		count := map[byte]int{}
		for v := range 256 {
			var random [12]byte
			random[i] = byte(v)
			p, err := pay.NewPIN(bytes.NewReader(random[:]))
			if err != nil {
				t.Fatal(err)
			}
			count[p[i]]++
			p[i] = '0'
			if p.String() != "0000-0000-0000" {
				t.Fatalf("byte %d moves another character: %s", i, p)
			}
		}
		if len(count) != 32 {
			t.Errorf("character %d is one of %d", i, len(count))
		}
		for c, n := range count {
			if n != 8 {
				t.Errorf("character %d is %c %d times of 256", i, c, n)
			}
		}
	}
	if p, err := pay.NewPIN(bytes.NewReader(make([]byte, 11))); !errors.Is(err, io.ErrUnexpectedEOF) || p != (pay.PIN{}) {
		t.Errorf("a PIN of 11 random bytes: %v", err)
	}
}

func TestPINsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"empty": "", "hyphens": "----", "short": "7GK2-M9QX-W4T", "long": "7GK2-M9QX-W4TZ5", "the letter U": "7GK2-M9QX-W4TU",
		"punctuation": "7GK2-M9QX-W4T!", "newline": "7GK2-M9QX-W4TZ\n", "tab": "7GK2\tM9QXW4T", "NUL": "7GK2-M9QX-W4T\x00",
		"other letters": "7GK2-M9QX-W4é", "wide digits": "７ＧＫ２", "hyphen of print": "7GK2–M9QX–W4TZ",
	} {
		p, err := pay.ParsePIN(s)
		var shown *pay.Error
		if !errors.As(err, &shown) || shown.Code != pay.CodePIN || shown.Case == "" || p != (pay.PIN{}) {
			t.Errorf("%s: %s, %v", name, p, err)
		}
		if err != nil && strings.Contains(err.Error(), "7GK2") {
			t.Errorf("%s: the error tells the PIN: %v", name, err)
		}
	}
}

// A proof holds for one PIN, one connection, one direction and two keys, and
// where one input ends and the next begins is part of it.
func TestPairingProofBindsEverything(t *testing.T) {
	t.Parallel()
	pin, exporter, own, peer := pay.PIN{'7'}, []byte{2}, pay.PublicKey{3}, pay.PublicKey{4}
	proof := pay.PairingProof(pin, exporter, pay.RoleWallet, own, peer)
	for name, other := range map[string][32]byte{
		"pin":           pay.PairingProof(pay.PIN{'8'}, exporter, pay.RoleWallet, own, peer),
		"exporter":      pay.PairingProof(pin, []byte{9}, pay.RoleWallet, own, peer),
		"role":          pay.PairingProof(pin, exporter, pay.RoleDevice, own, peer),
		"own key":       pay.PairingProof(pin, exporter, pay.RoleWallet, pay.PublicKey{9}, peer),
		"peer key":      pay.PairingProof(pin, exporter, pay.RoleWallet, own, pay.PublicKey{9}),
		"keys swapped":  pay.PairingProof(pin, exporter, pay.RoleWallet, peer, own),
		"sent back":     pay.PairingProof(pin, exporter, pay.RoleDevice, peer, own),
		"border":        pay.PairingProof(pin, nil, pay.RoleWallet+"\x02", own, peer),
		"an invite":     pay.InviteProof(pay.InviteSecret{'7'}, exporter, own),
		"no connection": pay.PairingProof(pin, nil, pay.RoleWallet, own, peer),
	} {
		if other == proof {
			t.Errorf("%s: the same proof", name)
		}
	}
}
