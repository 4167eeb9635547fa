//go:build vm && linux

package main

import (
	"os/exec"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble/bluez/vhci"
)

// heals breaks a radio between a box and a tag that are near, and requires that
// they find each other again by themselves and can pay. trouble returns when
// the radio could have worked again.
func heals(t *testing.T, g *guest, trouble func(w *world, r *guestRadio, box, tag *vhci.Controller) time.Time) {
	t.Helper()
	w := g.shop(t)
	r := g.newRadio(t, "-E")
	box, tag := r.plug(extended), r.plug(another)
	w.near(t, r, box, tag)
	over := trouble(w, r, box, tag)
	w.nearAgain(t)
	measured(t, "near again %.1f s after the trouble was over", time.Since(over).Seconds())
	w.take(t)
}

func guestRestart(t *testing.T, g *guest) {
	heals(t, g, func(w *world, r *guestRadio, _, _ *vhci.Controller) time.Time {
		r.stopDaemon()
		w.gone(t)
		r.startDaemon()
		return time.Now()
	})
}

func guestUnplugBox(t *testing.T, g *guest) {
	heals(t, g, func(w *world, r *guestRadio, box, tag *vhci.Controller) time.Time {
		if err := box.Unplug(); err != nil {
			t.Fatal(err)
		}
		w.gone(t)
		again := r.plug(extended)
		r.air.SetStrength(tag, again, -48)
		return time.Now()
	})
}

func guestUnplugTag(t *testing.T, g *guest) {
	heals(t, g, func(w *world, r *guestRadio, box, tag *vhci.Controller) time.Time {
		if err := tag.Unplug(); err != nil {
			t.Fatal(err)
		}
		w.gone(t)
		again := r.plug(another)
		r.air.SetStrength(again, box, -48)
		return time.Now()
	})
}

// switchOff does what somebody does who switches Bluetooth off.
func switchOff(t *testing.T, c *vhci.Controller) {
	t.Helper()
	if out, err := exec.Command("btmgmt", "--index", c.Name()[len("hci"):], "power", "off").CombinedOutput(); err != nil {
		t.Fatalf("btmgmt power off: %v\n%s", err, out)
	}
}

func guestOffBox(t *testing.T, g *guest) {
	heals(t, g, func(_ *world, _ *guestRadio, box, _ *vhci.Controller) time.Time {
		resets := box.Counts().Resets
		switchOff(t, box)
		took := eventually(t, "the controller listens again", func() bool {
			on, _ := box.Listening()
			return on && box.Counts().Resets > resets
		})
		measured(t, "switched on again and listening after %.1f s", took.Seconds())
		return time.Now()
	})
}

func guestOffTag(t *testing.T, g *guest) {
	heals(t, g, func(_ *world, _ *guestRadio, _, tag *vhci.Controller) time.Time {
		resets := tag.Counts().Resets
		switchOff(t, tag)
		took := eventually(t, "the tag is on the air again", func() bool {
			return len(tag.OnAir()) > 0 && tag.Counts().Resets > resets
		})
		measured(t, "switched on again and on the air after %.1f s", took.Seconds())
		return time.Now()
	})
}

// guestDeaf lets the box's controller scan and hear nothing, as chips do that
// hang, until it is switched off and on.
func guestDeaf(t *testing.T, g *guest) {
	heals(t, g, func(_ *world, _ *guestRadio, box, _ *vhci.Controller) time.Time {
		resets := box.Counts().Resets
		box.Deafen(vhci.CureReset)
		took := eventually(t, "the box switches its adapter off and on", func() bool { return box.Counts().Resets > resets })
		measured(t, "switched off and on after %.1f s of silence", took.Seconds())
		return time.Now()
	})
}
