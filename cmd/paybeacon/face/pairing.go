package face

import (
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// tellPairing shows how to pair, with a QR code where somebody can see it.
func tellPairing(c *cli.Call, p api.Pairing) {
	_ = c.Answer(p, func(w io.Writer) {
		drawn := showQR(c, w, p.QR)
		_, _ = fmt.Fprintf(w, "To pair, until %s, with the wallet's DIR:\n  paybeacon wallet pair --data DIR --link %s --pin %s\n", text.Moment(p.Expires), p.Link, p.PIN)
		if drawn {
			_, _ = fmt.Fprintf(w, "or with what the QR code holds:\n  paybeacon wallet pair --data DIR --qr '%s'\n", p.QR)
		}
	})
}
