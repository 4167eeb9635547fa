package demo

import (
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// faultsDemo is the story of what a thief can try: two shops, three people who
// pay, and him, who in turn has the code of one, the phone of another and the
// tag of the third. Each attempt is made with the real programs and ends with
// the word by which the machine stopped it; the checks at the end compare these
// words with what they have to be.
type faultsDemo struct {
	*shop
	thief    *stage.Thief
	handles  map[string]pay.Handle // under which the cafe shows whose tag
	attempts []attempt

	meal   api.Receipt // paid by two channels, and nothing was wrong
	secure api.Receipt // paid by two channels, because something was
	gin    string      // the payment that a stolen phone is asked for
	// quiet says that no wallet heard of the replay.
	quiet bool
}

// attempt is one thing that was tried and the machine's word for what stopped
// it.
type attempt struct{ name, got, want string }

// demoPayer is somebody who pays in the story.
type demoPayer struct {
	who     string
	rssi    pay.RSSI // at which the cafe hears the tag
	approve string
}

func faultsPayers() []demoPayer {
	return []demoPayer{{"ben", -45, "ask"}, {"ada", -51, "all"}, {"cleo", -57, "ask"}}
}

// ends tells how an attempt ended, for a check at the end. got is the machine's
// word; want is what it has to be.
func (d *faultsDemo) ends(name, got, want, why string) {
	d.attempts = append(d.attempts, attempt{name, got, want})
	d.tell.stopped(got, want, why)
}

// wordOf returns the error code of a command, for an attempt that a command
// makes. Whatever is no such code is an error of the demo itself.
func wordOf(err error) (string, error) {
	var exit *stage.ExitError
	switch {
	case err == nil:
		return "done", nil
	case errors.As(err, &exit) && exit.Code != "":
		return string(exit.Code), nil
	default:
		return "", err
	}
}

func (d *faultsDemo) nodes() []demoNode {
	nodes := []demoNode{
		{"cafe", []string{"scan", "--radio", "air:" + d.Data("air"), "--lane", "till-1"}},
		{"kiosk", []string{"scan", "--radio", "air:" + d.Data("far"), "--lane", "till-1"}},
	}
	for _, p := range faultsPayers() {
		nodes = append(nodes, demoNode{p.who, []string{"wallet", "run", "--approve", p.approve}})
	}
	return nodes
}

// to is the flag that charges somebody in the cafe.
func (d *faultsDemo) to(who string) []string { return []string{"--to", string(d.handles[who])} }

// channels tells what a receipt says of the channels.
func (d *faultsDemo) channels(r api.Receipt) {
	if r.Method == pay.MethodTwoChannel {
		d.tell.say("receipt", "two channels: %s", text.WhyTwoChannels(r.Demand))
	}
}

// replay lets the thief send somebody's code, which he has recorded, in an air.
func (d *faultsDemo) replay(who, air string) (stop func(), err error) {
	i := -1
	err = d.Until("the thief has heard "+who, func() (bool, error) {
		i = d.thief.Of(d.payer(who).rssi)
		return i >= 0, nil
	})
	if err != nil {
		return nil, err
	}
	return d.thief.ReplayIn(d.Ctx, d.Data(air), i)
}

func (d *faultsDemo) payer(who string) demoPayer {
	for _, p := range faultsPayers() {
		if p.who == who {
			return p
		}
	}
	panic("demo: internal error: nobody is called " + who)
}

// reasonOf is because for what a receipt says.
func reasonOf(r api.Receipt) string { return text.Because(r.State, r.Reason) }
