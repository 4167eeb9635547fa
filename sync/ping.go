package paysync

import "time"

// pinger decides when to ask whether the registry is still there, and when to
// stop believing it. The zero pinger never asks.
type pinger struct {
	every time.Duration
	next  time.Time // of the next Ping
	heard time.Time // of the last Pong, or the Welcome
	nonce uint64
}

func (p *pinger) start(now time.Time, every time.Duration) {
	*p = pinger{every: every, next: now.Add(every), heard: now}
}

// tick returns the nonce of a Ping that is due, if any, or dead.
func (p *pinger) tick(now time.Time) (nonce uint64, due, dead bool) {
	if !now.Before(p.heard.Add(pingMisses * p.every)) {
		return 0, false, true
	}
	if now.Before(p.next) {
		return 0, false, false
	}
	p.nonce++
	p.next = now.Add(p.every)
	return p.nonce, true, false
}

// pong takes the answer to a Ping and says whether that Ping was ever sent.
func (p *pinger) pong(now time.Time, nonce uint64) bool {
	if nonce == 0 || nonce > p.nonce {
		return false
	}
	p.heard = now
	return true
}

// wake returns when tick is due next.
func (p *pinger) wake() time.Time {
	dead := p.heard.Add(pingMisses * p.every)
	if dead.Before(p.next) {
		return dead
	}
	return p.next
}
