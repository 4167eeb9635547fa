//go:build crashpoints

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// TestBoxNeverSeesTheCode pays by two channels while everything that the box and
// the air could learn is recorded: all broadcasts, all frames of the box in
// clear in both directions, its store, its log and its receipts. None of them
// holds the authentication code, nor any eight bytes of it, in raw bytes,
// hexadecimal or base64 (method 3.6). The same search finds it where it belongs.
func TestBoxNeverSeesTheCode(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	w.startBox([]string{"PAYBEACON_TAP=" + w.Data("box.tap")})
	w.startWallet("ada", []string{"PAYBEACON_TAP=" + w.Data("ada.tap")})
	ear := listen(t, w)
	w.must(w.Pair("ada", "-35", "--interval", "50ms"))
	w.waitNear()

	var p api.Payment
	w.must(w.Ask(&p, "till", "charge", "--data", w.Data("box"), "--amount", "12.50", "--two-channel", "--wait", "20s"))
	if p.Outcome != pay.OutcomePaid || p.Method != pay.MethodTwoChannel {
		t.Fatalf("the payment is %+v", p)
	}
	receipt := w.Data("box.receipt")
	w.must(w.Ask(nil, "till", "receipt", "--data", w.Data("box"), "--id", p.ID, "--to", receipt))
	shown, err := w.Output("till", "show", "--data", w.Data("box"), "--id", p.ID)
	w.must(err)
	for _, name := range []string{"ada", "box"} {
		w.Stop(name)
	}

	code := codeOf(t, w, p.ID)
	tap := unhexLines(t, w.Data("box.tap"))
	if len(tap) == 0 {
		t.Fatal("the box's frames were not recorded")
	}
	for what, raw := range map[string][]byte{
		"the air": ear(), "the box's frames": tap, "its receipt": read(t, receipt), "what it shows": shown,
		"its log and events": read(t, w.Data("box")+".log"),
	} {
		if found := piece(raw, code); found != "" {
			t.Errorf("%s holds the code: %s", what, found)
		}
	}
	w.must(filepath.WalkDir(w.Data("box"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if found := piece(read(t, path), code); found != "" {
			t.Errorf("%s holds the code: %s", path, found)
		}
		return nil
	}))
	eachFact(t, w, "box", func(f pay.Fact) {
		if found := piece(f.Raw(), code); found != "" {
			t.Errorf("a %s in the box's store holds the code: %s", f.Kind(), found)
		}
	})
	if piece(unhexLines(t, w.Data("ada.tap")), code) == "" {
		t.Error("the search does not find the code in the wallet's frames, where it is")
	}
}

// piece returns how eight bytes or more of the code stand in raw, or "".
func piece(raw []byte, code pay.AuthCode) string {
	const least = 8
	for i := 0; i+least <= len(code); i++ {
		if bytes.Contains(raw, code[i:i+least]) {
			return "raw bytes"
		}
		digits := hex.EncodeToString(code[i : i+least])
		if bytes.Contains(raw, []byte(digits)) || bytes.Contains(raw, bytes.ToUpper([]byte(digits))) {
			return "hexadecimal"
		}
	}
	// Eight bytes at any place within a longer base64 text show as the ten
	// characters that only they decide.
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			padded := append(make([]byte, shift), code[:]...)
			text := enc.EncodeToString(padded)[4:]
			for i := 0; i+10 <= len(text); i++ {
				if bytes.Contains(raw, []byte(text[i:i+10])) {
					return "base64"
				}
			}
		}
	}
	return ""
}

// listen records every broadcast of the world; the function it returns ends
// that and gives the payloads.
func listen(t *testing.T, w *world) func() []byte {
	t.Helper()
	a, err := air.Open(air.Options{Dir: w.Data("air"), RSSI: radio.Silent})
	w.must(err)
	var heard []byte
	done := make(chan error, 1)
	go func() {
		done <- a.Scan(w.Ctx, func(ad ble.Advert) {
			heard, _ = ble.AppendPayload(append(heard, ad.Address[:]...), ad.Sections)
		})
	}()
	return func() []byte {
		_ = a.Close()
		<-done
		if len(heard) == 0 {
			t.Error("nothing was heard on the air")
		}
		return heard
	}
}

// codeOf returns the authentication code in the wallet's answer to a payment.
func codeOf(t *testing.T, w *world, id string) (code pay.AuthCode) {
	t.Helper()
	eachFact(t, w, "ada", func(f pay.Fact) {
		if a, err := pay.As[pay.Answer](f); err == nil && a.Payment.String() == id {
			code = a.Code
		}
	})
	if code.IsZero() {
		t.Fatal("the wallet's answer carries no code")
	}
	return code
}

// eachFact reads the store of a node that does not run.
func eachFact(t *testing.T, w *world, name string, fn func(pay.Fact)) {
	t.Helper()
	n, err := node.OpenOffline(t.Context(), datadir.Dir(w.Data(name)))
	w.must(err)
	defer n.Close()
	count := 0
	w.must(n.Store().View(t.Context(), func(v *store.View) error {
		return v.Facts(func(f pay.Fact) error {
			count++
			fn(f)
			return nil
		})
	}))
	if count == 0 {
		t.Errorf("the store of %s is empty", name)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// unhexLines reads what PAYBEACON_TAP wrote: a direction and a frame in
// hexadecimal on each line.
func unhexLines(t *testing.T, path string) (all []byte) {
	t.Helper()
	for line := range bytes.Lines(read(t, path)) {
		_, digits, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		frame, err := hex.DecodeString(string(digits))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, frame...)
	}
	return all
}

// TestPieceFindsACode: the search above finds what it must.
func TestPieceFindsACode(t *testing.T) {
	t.Parallel()
	var code pay.AuthCode
	for i := range code {
		code[i] = byte(i*7 + 3)
	}
	for _, at := range []int{0, 1, 30, 56} {
		part := code[at : at+8]
		for shift := range 3 {
			text := base64.StdEncoding.EncodeToString(append(append(bytes.Repeat([]byte{9}, 3+shift), code[at:min(at+14, 64)]...), 1, 2, 3))
			if at+14 <= len(code) && piece([]byte("x"+text+"y"), code) == "" {
				t.Errorf("base64 from byte %d, shifted by %d, is not found", at, shift)
			}
		}
		if piece(append([]byte("xx"), part...), code) == "" || piece([]byte("x"+hex.EncodeToString(part)), code) == "" {
			t.Errorf("eight bytes from byte %d are not found", at)
		}
	}
	if found := piece(bytes.Repeat([]byte("nothing of the kind "), 100), code); found != "" {
		t.Errorf("found %s in nothing", found)
	}
}
