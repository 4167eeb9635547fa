package pay

import (
	"fmt"
	"net"
	"net/url"
)

// PairingText is what a device's QR code holds: where its link is, the PIN it
// shows and who it is. With the device's id the wallet accepts no other, even
// from somebody who read the PIN off the screen.
type PairingText struct {
	Link   string // HOST:PORT
	PIN    PIN
	Device DeviceID
}

const (
	pairingScheme  = "paybeacon"
	pairingOpaque  = "pair"
	pairingTextMax = 512 // bytes
)

// String returns the text, such as
// "paybeacon:pair?device=64HEX&link=192.168.1.7:7444&pin=XXXX-XXXX-XXXX".
func (p PairingText) String() string {
	q := url.Values{"link": {p.Link}, "pin": {p.PIN.String()}, "device": {p.Device.String()}}
	return (&url.URL{Scheme: pairingScheme, Opaque: pairingOpaque, RawQuery: q.Encode()}).String()
}

// ParsePairingText reads what String writes. Its errors are *Error with
// CodeUsage and never repeat the PIN.
func ParsePairingText(s string) (PairingText, error) {
	refuse := func(err error) (PairingText, error) {
		return PairingText{}, WrapCase(err, CodeUsage, "pairing_text", "read what the QR code holds")
	}
	if len(s) > pairingTextMax {
		return refuse(fmt.Errorf("it has %d bytes, the limit is %d", len(s), pairingTextMax))
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != pairingScheme || u.Opaque != pairingOpaque {
		return refuse(fmt.Errorf("it does not begin with %s:%s?", pairingScheme, pairingOpaque))
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return refuse(fmt.Errorf("its fields cannot be read"))
	}
	for _, name := range []string{"link", "pin", "device"} {
		if len(q[name]) != 1 {
			return refuse(fmt.Errorf("it holds %d times the field %s, want one", len(q[name]), name))
		}
	}
	p := PairingText{Link: q.Get("link")}
	if _, _, err := net.SplitHostPort(p.Link); err != nil || checkText("link", p.Link, 4*NameBytesMax) != nil {
		return refuse(fmt.Errorf("its link is not HOST:PORT"))
	}
	if p.PIN, err = ParsePIN(q.Get("pin")); err != nil {
		return refuse(err)
	}
	if p.Device, err = ParseNodeID(q.Get("device")); err != nil {
		return refuse(err)
	}
	return p, nil
}
