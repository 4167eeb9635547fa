package device

import "github.com/paybeacon/paybeacon/pay"

// OnAir returns the code that the device broadcasts now and for how long it will. It
// tells the wallet of this session what a till calls the device; anybody can hear
// the code itself. It returns a *pay.Error with CodePIN if the device is unpaired,
// CodeBound if it is bound to another wallet, and CodeRadio if nothing is on the air.
func (s *Session) OnAir() (c pay.Code, stays pay.Millis, err error) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.state.Binding == nil:
		return c, 0, errPIN()
	case !d.state.boundTo(s.wallet):
		return c, 0, errBound()
	case d.onAir == nil:
		return c, 0, pay.NewCase(pay.CodeRadio, "nothing_on_air", "the device broadcasts nothing now")
	}
	r, _, _ := d.reading()
	return d.onAir.Code, max(d.onAir.Until.Sub(r), 0), nil
}

// setOnAir records what is being broadcast from now on.
func (d *Device) setOnAir(t *Turn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onAir = t
}
