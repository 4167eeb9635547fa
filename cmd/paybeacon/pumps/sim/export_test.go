package sim

import "github.com/paybeacon/paybeacon/pay"

// Readings returns what the meter of a pump was last asked to tell.
func (f *Forecourt) Readings(n pay.PumpNumber) pay.Quantity {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.find(n)
	if err != nil || len(p.queue) == 0 {
		return 0
	}
	return p.queue[len(p.queue)-1].Given.Quantity
}
