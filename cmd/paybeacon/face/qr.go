package face

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mdp/qrterminal/v3"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
)

// blackOnWhite are colours that no theme changes: black and white of the 256 that
// terminals have. Published: ECMA-48, 8.3.117 (SGR), with xterm's 38;5 and 48;5.
const blackOnWhite = "\x1b[38;5;16;48;5;231m"

// quietZone is how many modules of white stand around a code. Published: ISO/IEC 18004,
// 6.3.8.
const quietZone = 4

// writeQR draws content as a QR code on a terminal of that many columns, and reports
// whether it has: a code that is wrapped cannot be read. With color it is black on
// white whatever the theme; without, it is white on the colour of a dark one.
func writeQR(w io.Writer, content string, columns int, color bool) bool {
	var code bytes.Buffer
	o := qrterminal.Config{
		Level: qrterminal.L, Writer: &code, HalfBlocks: true, QuietZone: quietZone,
		BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE,
		BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	}
	if color {
		o.BlackChar, o.WhiteChar, o.BlackWhiteChar, o.WhiteBlackChar = "█", " ", "▀", "▄"
	}
	qrterminal.GenerateWithConfig(content, o)
	lines := strings.Split(strings.TrimRight(code.String(), "\n"), "\n")
	if utf8.RuneCountInString(lines[0]) > columns {
		return false
	}
	for _, line := range lines {
		if color {
			line = blackOnWhite + line + "\x1b[0m"
		}
		_, _ = fmt.Fprintln(w, line)
	}
	return true
}

// showQR draws content where somebody can see it, and reports whether it has.
func showQR(c *cli.Call, w io.Writer, content string) bool {
	columns := cli.Columns(c.Out)
	return columns > 0 && writeQR(w, content, columns, c.Color)
}
