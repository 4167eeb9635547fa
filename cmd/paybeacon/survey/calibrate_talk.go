package survey

import (
	"fmt"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// tapAsked is how long somebody is asked to hold the beacon. Chosen: long enough
	// for the strength to settle (two seconds), short enough to be patient for.
	tapAsked = 3 * time.Second
	// talkEvery is how long nothing new may happen before the state is told again.
	// Chosen: about as long as somebody waits before thinking that it hangs.
	talkEvery = 3 * time.Second
)

// look is what a calibration sees at one moment.
type look struct {
	at     time.Time
	rssi   pay.RSSI  // of the strongest device
	heard  bool      // whether there is one
	beside *pay.RSSI // the best strength of the next one, or nil
	health ble.Health
	// unmeasured is how many adverts were heard without a strength so far.
	unmeasured uint64
}

// progress turns what a calibration sees into sentences for the person who taps.
type progress struct {
	want int
	// places says that a place in front and one behind come after the taps.
	places bool
	ends   time.Time // when the calibration gives up

	said        time.Time // when the last sentence was said
	held, ready bool      // as the last sentence knows it
	heard, deaf bool
	taps        int
}

// step returns what to say after a look that t has taken in, or "". It says what has
// changed at once, and how things stand when nothing has for a while.
func (p *progress) step(t *tapper, l look) string {
	s := p.news(t, l)
	if s == "" && l.at.Sub(p.said) >= talkEvery {
		s = p.state(t, l)
	}
	if s != "" {
		p.said = l.at
	}
	return s
}

// news returns what has changed since the look before, or "".
func (p *progress) news(t *tapper, l look) string {
	wasHeld, wasReady, wasHeard, wasDeaf := p.held, p.ready, p.heard, p.deaf
	p.held, p.deaf = t.held, l.health.Deaf
	p.ready = t.held && l.at.Sub(t.begun) >= tapAsked
	p.heard = p.heard || l.heard
	switch {
	case len(t.taps) > p.taps:
		p.taps = len(t.taps)
		return p.ended(t.taps[p.taps-1])
	case l.health.Deaf && !wasDeaf:
		return p.state(t, l)
	case wasHeld && !t.held:
		return fmt.Sprintf("That was too short: hold it for %d seconds.", int(tapAsked.Seconds()))
	case t.held && !wasHeld:
		return fmt.Sprintf("%s at %d dBm: hold it there.", p.place(), l.rssi)
	case p.ready && !wasReady:
		return "That is long enough: take it away."
	case p.heard && !wasHeard:
		return fmt.Sprintf("A beacon is heard at %d dBm.", l.rssi)
	}
	return ""
}

// state returns how things stand, and how much time is left.
func (p *progress) state(t *tapper, l look) string {
	what := "No beacon is heard."
	switch {
	case l.health.Deaf:
		what = "The radio is deaf, so no beacon can be heard."
	case t.held && p.ready:
		what = fmt.Sprintf("Still %s at %d dBm: take it away.", p.where(), l.rssi)
	case t.held:
		what = fmt.Sprintf("%s at %d dBm: hold it there.", p.place(), l.rssi)
	case l.heard:
		what = fmt.Sprintf("A beacon is heard at %d dBm, not %s.", l.rssi, p.where())
	case l.unmeasured > 0:
		what = "The radio hears, and does not know how strong."
	case p.heard:
		what = p.awaited()
	}
	return fmt.Sprintf("%s %d s left.", what, int(max(0, p.ends.Sub(l.at)).Round(time.Second).Seconds()))
}

// where names the place that is asked for.
func (p *progress) where() string {
	return [...]string{"at the till", "a metre in front", "a metre behind"}[min(max(p.taps+1-p.want, 0), 2)]
}

// place is where at the beginning of a sentence.
func (p *progress) place() string {
	w := p.where()
	return strings.ToUpper(w[:1]) + w[1:]
}

// ended says what was measured, and what comes next.
func (p *progress) ended(rssi pay.RSSI) string {
	const away = " Switch it off or carry it out of reach, then hold it "
	said := fmt.Sprintf("Tap %d of %d: %d dBm", p.taps, p.want, rssi)
	switch p.taps - p.want {
	case 0:
		if p.places {
			said += "." + away + "a metre in front."
		}
	case 1:
		said = fmt.Sprintf("A metre in front: %d dBm.", rssi) + away + "a metre behind."
	case 2:
		said = fmt.Sprintf("A metre behind: %d dBm", rssi)
	}
	return said
}

// awaited says what is waited for.
func (p *progress) awaited() string {
	if p.taps < p.want {
		return fmt.Sprintf("Tap %d of %d is awaited.", p.taps+1, p.want)
	}
	return "The place " + p.where() + " is awaited."
}
