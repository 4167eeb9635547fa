package main

import (
	"fmt"
	"io"

	"github.com/mdp/qrterminal/v3"
)

// tellPairing shows how to pair, with a QR code where somebody can see it.
func tellPairing(c *call, p pairingJSON) {
	_ = c.answer(p, func(w io.Writer) {
		if isTerminal(w) {
			qrterminal.GenerateWithConfig(p.QR, qrterminal.Config{
				Level: qrterminal.L, Writer: w, HalfBlocks: true, QuietZone: 2,
				BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE,
				BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
			})
		}
		_, _ = fmt.Fprintf(w, "To pair, until %s, with the wallet's DIR:\n  paybeacon wallet pair --data DIR --link %s --pin %s\n", moment(p.Expires), p.Link, p.PIN)
		if isTerminal(w) {
			_, _ = fmt.Fprintf(w, "or with what the QR code holds:\n  paybeacon wallet pair --data DIR --qr '%s'\n", p.QR)
		}
	})
}
