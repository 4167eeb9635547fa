package paysync

import (
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// quietPart is which part of the time since something last happened a wallet
	// waits until its next Ping. Chosen: a registry that has gone is noticed before
	// it was away for half as long as nothing had happened, and a dozen Pings later
	// the wallet is quiet.
	quietPart = 2
	// quietEvery is the longest interval that comes of it. Chosen: many routers
	// forget the way of an answer after 30 s without a packet; a wallet to which
	// nothing happens sends and gets less than 1 MB a day.
	quietEvery = 25 * time.Second
	// togetherAbove is the interval from which on Pings are sent at whole seconds of
	// the registry's clock. Chosen: it brings them forward by a tenth at most.
	togetherAbove = 10 * time.Second
)

// pinger decides when to ping the registry, and when to give it up as silent. The
// zero pinger never pings.
//
// While something happens it pings at the interval that the registry names, so that
// a registry that has gone is noticed within two of those. A wallet pings less the
// longer nothing has happened, because it is a phone that pays for what it sends;
// a box never does, because it has to know whether it may charge. An idle registry
// is then woken by Pings and by nothing else, so it gets those of many nodes at
// once.
type pinger struct {
	every  time.Duration
	quiet  time.Duration // the longest interval while nothing happens; 0: every
	active time.Time     // when something last happened
	second time.Time     // when the registry's clock showed a whole second

	next   time.Time // of the next Ping
	ponged time.Time // of the last Pong, or the Welcome
	nonce  uint64

	waiting bool      // a Ping was sent since the last Pong
	sent    time.Time // when the first such Ping was sent
	before  uint64    // what had arrived then
}

// quietFor returns the longest interval between the Pings of a node to which nothing
// happens; 0 where it pings as the registry says.
func quietFor(scope pay.Scope) time.Duration {
	if strings.HasPrefix(string(scope), "w/") {
		return quietEvery
	}
	return 0
}

// start begins with a Welcome that came when the registry's clock showed clock.
func (p *pinger) start(now time.Time, every, quiet time.Duration, clock pay.Time) {
	*p = pinger{every: every, quiet: quiet, active: now, next: now.Add(every), ponged: now}
	p.second = now.Add(-time.Duration(clock%1000) * time.Millisecond)
}

// pace sets another interval. The Ping that was next is sent no later than before.
func (p *pinger) pace(now time.Time, every time.Duration) {
	p.every = every
	if next := p.after(now); next.Before(p.next) || !p.waiting {
		p.next = next
	}
}

// happened notes that something was sent or has come that is no Ping and no Pong.
func (p *pinger) happened(now time.Time) {
	p.active = now
	if next := now.Add(p.every); next.Before(p.next) {
		p.next = next
	}
}

// after returns when to ping if a Ping was sent or answered now. One that is not
// answered is soon followed by another.
func (p *pinger) after(now time.Time) time.Time {
	every := p.every
	if !p.waiting {
		every = max(every, min(now.Sub(p.active)/quietPart, p.quiet))
	}
	next := now.Add(every)
	if every >= togetherAbove {
		next = next.Add(-(next.Sub(p.second) % time.Second))
	}
	return next
}

// tick returns the nonce of the Ping that is due, if due, and dead when the
// registry has answered none for pingMisses intervals. arrived is that of Path.
func (p *pinger) tick(now time.Time, arrived uint64) (nonce uint64, due, dead bool) {
	if !now.Before(p.dead()) {
		return 0, false, true
	}
	if now.Before(p.next) {
		return 0, false, false
	}
	if !p.waiting {
		p.waiting, p.before, p.sent = true, arrived, now
	}
	p.nonce++
	p.next = p.after(now)
	return p.nonce, true, false
}

// pong takes the answer to a Ping and reports whether that Ping was sent.
func (p *pinger) pong(now time.Time, nonce uint64) bool {
	if nonce == 0 || nonce > p.nonce {
		return false
	}
	p.ponged, p.waiting = now, false
	if p.quiet > p.every {
		p.next = p.after(p.sent)
	}
	return true
}

// halfAlive reports whether packets have arrived since the first Ping that was not
// answered.
func (p *pinger) halfAlive(arrived uint64) bool { return p.waiting && arrived > p.before }

// dead returns when the registry is given up if it does not answer.
func (p *pinger) dead() time.Time {
	asked := p.next
	if p.waiting {
		asked = p.sent
	}
	if soonest := p.ponged.Add(p.every); asked.Before(soonest) {
		asked = soonest
	}
	return asked.Add((pingMisses - 1) * p.every)
}

// wake returns when tick is due next.
func (p *pinger) wake() time.Time {
	if dead := p.dead(); dead.Before(p.next) {
		return dead
	}
	return p.next
}
