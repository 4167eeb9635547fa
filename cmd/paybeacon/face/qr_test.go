package face

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// theme is what a terminal shows where nobody asks for a colour.
type theme struct{ fore, back color.Gray }

// screen draws what a program has printed as a terminal of that theme would: the glyphs
// of half blocks, and the colours that the program asks for.
func screen(t *testing.T, printed string, th theme) image.Image {
	t.Helper()
	const cell = 6 // pixels of a module
	lines := strings.Split(strings.TrimSuffix(printed, "\n"), "\n")
	img := image.NewGray(image.Rect(0, 0, 120*cell, (2*len(lines)+8)*cell))
	for i := range img.Pix {
		img.Pix[i] = th.back.Y
	}
	now := th
	for row, line := range lines {
		column := 4 // beside the edge of the window
		for len(line) > 0 {
			if codes, ok := strings.CutPrefix(line, "\x1b["); ok {
				sgr, rest, ok := strings.Cut(codes, "m")
				if !ok {
					t.Fatalf("an escape sequence is not one of colour: %q", line)
				}
				now, line = th.after(t, now, sgr), rest
				continue
			}
			glyph := []rune(line)[0]
			line = line[len(string(glyph)):]
			halves, ok := map[rune][2]color.Gray{' ': {now.back, now.back}, '█': {now.fore, now.fore}, '▀': {now.fore, now.back}, '▄': {now.back, now.fore}}[glyph]
			if !ok {
				t.Fatalf("a glyph that is no half block: %q", glyph)
			}
			for y := range 2 * cell {
				for x := range cell {
					img.SetGray(column*cell+x, (2*row+4)*cell+y, halves[y/cell])
				}
			}
			column++
		}
	}
	return img
}

// after returns the colours after an SGR sequence of the kinds that a code uses.
func (th theme) after(t *testing.T, now theme, sgr string) theme {
	t.Helper()
	grays := map[int]uint8{16: 0, 231: 255} // of the 256 colours; no theme changes them
	fields := strings.Split(sgr, ";")
	for i := 0; i < len(fields); i++ {
		switch {
		case fields[i] == "0":
			now = th
		case (fields[i] == "38" || fields[i] == "48") && i+2 < len(fields) && fields[i+1] == "5":
			n, err := strconv.Atoi(fields[i+2])
			gray, ok := grays[n]
			if err != nil || !ok {
				t.Fatalf("colour %q is one of those that themes change", fields[i+2])
			}
			if fields[i] == "38" {
				now.fore.Y = gray
			} else {
				now.back.Y = gray
			}
			i += 2
		default:
			t.Fatalf("SGR %q", sgr)
		}
	}
	return now
}

// TestQRCodeIsReadOnAnyTheme has a program that reads QR codes look at what a dark and a
// light terminal show.
func TestQRCodeIsReadOnAnyTheme(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("zbarimg"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skipf("%v: install zbar-tools", err)
	}
	texts := map[string]string{
		"pairing": "paybeacon:pair?device=" + strings.Repeat("3f", 32) + "&link=192.168.1.7%3A7444&pin=ABCD-EFGH-JKLM",
		"invite":  "paybeacon://registry.example:7443/enrol?" + strings.Repeat("root=0123456789abcdef&", 9) + "secret=x",
	}
	light, dark := theme{color.Gray{Y: 40}, color.Gray{Y: 250}}, theme{color.Gray{Y: 220}, color.Gray{Y: 20}}
	for name, content := range texts {
		for on, th := range map[string]theme{"a light theme": light, "a dark theme": dark} {
			var printed strings.Builder
			if !writeQR(&printed, content, 80, true) {
				t.Fatalf("%s does not fit into 80 columns", name)
			}
			file := filepath.Join(t.TempDir(), "screen.png")
			f, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, screen(t, printed.String(), th)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			// Without the test for inverted codes: many readers have none.
			out, err := exec.CommandContext(t.Context(), "zbarimg", "--raw", "--quiet", "-Sdisable", "-Sqrcode.enable", "-Stest-inverted=0", file).Output()
			if got := strings.TrimSpace(string(out)); err != nil || got != content {
				t.Errorf("%s on %s is read as %q, %v", name, on, got, err)
			}
		}
	}
}

// TestQRCodeThatWouldBeWrapped: no code is better than one that nobody can read.
func TestQRCodeThatWouldBeWrapped(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	if writeQR(&printed, strings.Repeat("x", 200), 40, true) || printed.Len() > 0 {
		t.Errorf("drawn all the same: %q", printed.String())
	}
}
