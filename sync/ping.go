package paysync

import "time"

// pinger decides when to ping the registry, and when to give it up as silent. The
// zero pinger never pings.
type pinger struct {
	every  time.Duration
	next   time.Time // of the next Ping
	ponged time.Time // of the last Pong, or the Welcome
	nonce  uint64

	waiting bool   // a Ping was sent since the last Pong
	before  uint64 // what had arrived when the first such Ping was sent
}

func (p *pinger) start(now time.Time, every time.Duration) {
	*p = pinger{every: every, next: now.Add(every), ponged: now}
}

// pace sets another interval. The Ping that was next is sent no later than before.
func (p *pinger) pace(now time.Time, every time.Duration) {
	p.every = every
	if next := now.Add(every); next.Before(p.next) || !p.waiting {
		p.next = next
	}
}

// tick returns the nonce of the Ping that is due, if due, and dead when the
// registry has answered none for pingMisses intervals. arrived is that of Path.
func (p *pinger) tick(now time.Time, arrived uint64) (nonce uint64, due, dead bool) {
	if !now.Before(p.ponged.Add(pingMisses * p.every)) {
		return 0, false, true
	}
	if now.Before(p.next) {
		return 0, false, false
	}
	if !p.waiting {
		p.waiting, p.before = true, arrived
	}
	p.nonce++
	p.next = now.Add(p.every)
	return p.nonce, true, false
}

// pong takes the answer to a Ping and reports whether that Ping was sent.
func (p *pinger) pong(now time.Time, nonce uint64) bool {
	if nonce == 0 || nonce > p.nonce {
		return false
	}
	p.ponged, p.waiting = now, false
	return true
}

// halfAlive reports whether packets have arrived since the first Ping that was not
// answered.
func (p *pinger) halfAlive(arrived uint64) bool { return p.waiting && arrived > p.before }

// wake returns when tick is due next.
func (p *pinger) wake() time.Time {
	dead := p.ponged.Add(pingMisses * p.every)
	if dead.Before(p.next) {
		return dead
	}
	return p.next
}
