package doctor

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

const (
	// offsetMax is how wrong a node's clock may be before it is worth a word.
	// Nothing about money rests on it: the registry's clock decides. Chosen: what
	// people notice in a list of payments.
	offsetMax = 2 * time.Second
	// probeTime bounds the wait for a registry. Chosen: a person waits.
	probeTime = 5 * time.Second

	// lockWait is how long another process may take to leave the directory. Chosen:
	// hardly at all, because who has it is a finding.
	lockWait = 20 * time.Millisecond

	mib = 1 << 20
)

// lookAtNode examines a data directory, with what its daemon said if one runs.
func (d *doctor) lookAtNode(h api.Health, running bool) error {
	if err := d.dir.Check(); err != nil {
		return d.tell(areaNode, failed("directory", err))
	}
	role := d.dir.Role()
	if err := d.tell(areaNode, directoryFinding(d.dir, role)); err != nil {
		return err
	}
	if d.stranger {
		return d.tell(areaNode, finding{"daemon", levelWarn, "its daemon is of another version of paybeacon and does not say how it is", "stop it and start it again with this one"})
	}
	holder := d.dir.LockHolder()
	if err := d.tell(areaNode, daemonFinding(d.dir, running, holder)); err != nil {
		return err
	}
	switch {
	case role == pay.RoleDevice:
		return d.tell(areaNode, d.deviceFinding())
	case running:
		if err := d.tell(areaNode, runningFindings(d.dir, h)...); err != nil || h.Session == nil {
			return err
		}
		return d.lookAtPath(*h.Session)
	case holder.Held:
		return nil // somebody has it and does not answer: that was said
	case role == "":
		return nil
	default:
		return d.openAndLook()
	}
}

func directoryFinding(dir datadir.Dir, role pay.Role) finding {
	info, err := os.Stat(string(dir))
	switch {
	case err != nil:
		return failed("directory", pay.Wrap(err, pay.CodeConfig, "look at "+string(dir), "check its permissions"))
	case role == "":
		if _, err := dir.LoadMember(); pay.CodeOf(err) != pay.CodeNotEnrolled {
			return failed("directory", err)
		}
		return finding{"directory", levelWarn, string(dir) + " belongs to no node yet", "enrol it with paybeacon scan enrol or paybeacon wallet enrol"}
	case info.Mode().Perm()&0o077 != 0:
		return finding{"directory", levelWarn, fmt.Sprintf("%s holds keys of a %s and is open to others (mode %04o)", dir, role, info.Mode().Perm()), "run chmod 700 " + string(dir)}
	default:
		return ok("directory", "%s is the directory of a %s, format %d", dir, role, datadir.FormatVersion)
	}
}

func daemonFinding(dir datadir.Dir, running bool, holder datadir.LockHolder) finding {
	_, err := os.Stat(dir.Path("control.sock"))
	switch {
	case running:
		return ok("daemon", "its daemon answers on control.sock%s", holder)
	case holder.Held:
		return finding{"daemon", levelBad, "the directory is in use" + holder.String() + ", and nobody answers on control.sock", "wait a moment if it is just starting or ending; else end that process"}
	case err == nil:
		return finding{"daemon", levelWarn, "no daemon runs; one that died left its control.sock, which the next start replaces", "start it: " + node.StartHint(dir)}
	default:
		return finding{"daemon", levelWarn, "no daemon runs", "start it: " + node.StartHint(dir)}
	}
}

// runningFindings are what only the daemon can know.
func runningFindings(dir datadir.Dir, h api.Health) []finding {
	list := []finding{ok("store", "its daemon has the store open")}
	if h.Space != nil {
		list = append(list, spaceFinding(*h.Space))
	}
	if h.Clock != nil {
		list = append(list, ownClockFindings(*h.Clock, h.Session == nil)...)
	}
	list = append(list, copyFindings(h.PutBack, h.Rivals)...)
	if s := h.Session; s != nil {
		list = append(list, sessionFinding(*s))
		if s.Rival != "" {
			list = append(list, finding{"copies", levelBad, "another process with the key of this node wanted to connect, last at " + text.Moment(s.Rival),
				"a copy of this directory is in use elsewhere: stop it; only one may run"})
		}
		if s.Up {
			list = append(list, clockFinding(s.Offset, "when the session began"))
		}
	}
	for _, l := range h.Links {
		list = append(list, linkFinding(l))
		if l.Clock != "" {
			list = append(list, finding{"clock", levelWarn, "device " + l.Device[:10] + ": " + l.Clock, cmp.Or(l.Hint, "look again in a moment")})
		}
	}
	list = append(list, providerFindings(h.Providers)...)
	list = append(list, earshotFindings(dir, h.EarshotPairs)...)
	list = append(list, aroundFindings(h.Neighbours, h.Earshot)...)
	return append(list, asideFindings(dir, h.Aside, h.AsideCount)...)
}

// ownClockFindings say what a node thinks of its own clock. A registry decides
// nothing while that is in doubt; a node's decides nothing ever.
func ownClockFindings(c api.Clock, registry bool) (list []finding) {
	switch {
	case c.Doubt && registry:
		list = append(list, finding{"clock", levelBad, "the clock is in doubt, so no payment is decided: " + c.Message, c.Hint})
	case c.Doubt:
		list = append(list, finding{"clock", levelWarn, "this machine's clock is in doubt: " + c.Message, c.Hint})
	case registry:
		list = append(list, ok("clock", "this machine's clock agrees with how long it has run"))
	}
	if c.Nodes != nil && c.Nodes.Message != "" && !c.Doubt {
		list = append(list, finding{"clock", levelWarn, "the nodes' clocks contradict this machine's: " + c.Nodes.Message, "look at this machine's clock; the nodes' set nothing"})
	}
	if c.Last != nil {
		list = append(list, ok("clock", "%s", c.Last.Message))
	}
	return list
}

// copyFindings name what shows a registry that was put back, and the nodes that run
// twice.
func copyFindings(lost []api.PutBack, rivals []api.Rivalry) (list []finding) {
	for _, p := range lost[:min(len(lost), copiesShown)] {
		level := levelBad
		if !p.Proven {
			level = levelWarn
		}
		list = append(list, finding{"copies", level, node.PutBackSentence(p), node.HintPutBack})
	}
	if more := len(lost) - copiesShown; more > 0 {
		list = append(list, finding{"copies", levelBad, fmt.Sprintf("%d more nodes show the same", more), node.HintPutBack})
	}
	for _, r := range rivals[:min(len(rivals), copiesShown)] {
		list = append(list, finding{"copies", levelBad,
			fmt.Sprintf("two processes with the key of %s (node %.10s) want to connect, since %s", r.Name, r.Node, text.Moment(r.Since)),
			"only the first is served: stop one of them; a copy of a data directory is never run beside it"})
	}
	return list
}

// copiesShown bounds how many nodes are named one by one. Chosen: a person reads no
// more.
const copiesShown = 3

// asideFindings name what a registry has set aside.
func asideFindings(dir datadir.Dir, asides []api.Aside, all int) (list []finding) {
	for _, a := range asides {
		hint := fmt.Sprintf("everything else goes on; see the log of serve, then: paybeacon admin retry --data %s --id %s", dir, a.ID)
		list = append(list, finding{"aside", levelBad, node.AsideSentence(a), hint})
	}
	if more := all - len(asides); more > 0 {
		list = append(list, finding{"aside", levelBad, fmt.Sprintf("%d more are set aside", more), "look again when these are done"})
	}
	return list
}

// linkFinding reports whether a wallet reaches a device. One out of reach is no
// fault: it is missed only where a payment needs its word.
func linkFinding(l api.Link) finding {
	name := "device " + text.Short(l.Device)
	if l.Error == "" {
		return ok("link", "%s answers at %s and proves its key", name, l.Link)
	}
	return finding{"link", levelWarn, name + " is out of reach, so nothing that needs its word can be paid: " + l.Error, l.Hint}
}

func sessionFinding(s api.Session) finding {
	switch {
	case s.Up:
		return ok("registry", "connected to %s, which proved the pinned key, since %s", s.Server, text.Moment(s.Since))
	case !s.Standing.Serves():
		return finding{"registry", levelBad, s.Standing.Sentence() + " (" + s.Server + ")", s.Standing.Hint}
	case s.Error == "":
		return finding{"registry", levelWarn, "not connected to " + s.Server + " yet", "look again in a moment"}
	default:
		since := ""
		if s.Standing.Since != "" {
			since = " since " + text.Moment(s.Standing.Since)
		}
		return finding{"registry", levelBad, "not connected to " + s.Server + since + ": " + s.Error,
			cmp.Or(s.Hint, "check that the registry runs; its daemon tries again by itself")}
	}
}

func spaceFinding(s api.Space) finding {
	text := fmt.Sprintf("%d MiB are free, below %d MiB it stops writing", s.Free/mib, s.Need/mib)
	switch {
	case s.Free < s.Need:
		return finding{"space", levelBad, text, "free some space on that disk; nothing is lost"}
	case s.Free < 2*s.Need:
		return finding{"space", levelWarn, text, "free some space on that disk soon"}
	default:
		return ok("space", "%s", text)
	}
}

// clockFinding judges the registry's clock minus the node's.
func clockFinding(offset pay.Millis, when string) finding {
	far, side := offset.Std(), "behind"
	switch {
	case far == 0:
		side = "from"
	case far < 0:
		far, side = -far, "ahead of"
	}
	text := fmt.Sprintf("%v %s the registry's, %s", far, side, when)
	if far > offsetMax {
		return finding{"clock", levelWarn, text, "switch time synchronisation on, for example with timedatectl set-ntp true; money rests on the registry's clock alone"}
	}
	return ok("clock", "%s", text)
}

func (d *doctor) deviceFinding() finding {
	raw, err := os.ReadFile(d.dir.Path(datadir.DeviceFile))
	if err != nil {
		return failed("state", pay.Wrap(err, pay.CodeConfig, "read "+datadir.DeviceFile, "check its permissions"))
	}
	if _, err := device.Decode(raw); err != nil {
		return failed("state", err)
	}
	return ok("state", "identity, keys and counter can be read")
}

// openAndLook opens the store of a node that nobody runs, and greets its
// registry.
func (d *doctor) openAndLook() error {
	unlock, err := d.dir.Lock(d.Ctx, lockWait)
	if err != nil {
		return d.tell(areaNode, failed("store", err))
	}
	defer unlock()
	n, err := node.OpenOffline(d.Ctx, d.dir)
	if err != nil {
		return d.tell(areaNode, failed("store", err))
	}
	defer n.Close()
	list := []finding{ok("store", "the store opens")}
	if space, err := n.Space(); err != nil {
		list = append(list, finding{"space", levelWarn, err.Error(), "look with df " + string(d.dir)})
	} else {
		list = append(list, spaceFinding(space))
	}
	r, registry := n.(*node.Registry)
	list = append(list, ownClockFindings(n.Clock(), registry)...)
	if registry {
		asides, all, err := r.SetAside(d.Ctx)
		if err != nil {
			return d.tell(areaNode, append(list, failed("store", err))...)
		}
		list = append(list, asideFindings(d.dir, asides, all)...)
		pairs, err := r.Earshot(d.Ctx)
		if err != nil {
			return d.tell(areaNode, append(list, failed("store", err))...)
		}
		list = append(list, earshotFindings(d.dir, pairs)...)
		lost, rivals, err := r.Copies(d.Ctx)
		if err != nil {
			return d.tell(areaNode, append(list, failed("store", err))...)
		}
		list = append(list, copyFindings(lost, rivals)...)
	}
	if b, ok := n.(*node.Box); ok {
		near, other, err := b.Around(d.Ctx)
		if err != nil {
			return d.tell(areaNode, append(list, failed("store", err))...)
		}
		list = append(list, aroundFindings(near, other)...)
	}
	peer, connects := n.(node.Connected)
	if !connects {
		return d.tell(areaNode, list...)
	}
	position, err := peer.Position(d.Ctx)
	if err != nil {
		return d.tell(areaNode, append(list, failed("store", err))...)
	}
	if err := d.tell(areaNode, list...); err != nil {
		return err
	}
	return d.greet(peer, position)
}

// greet says how a node's registry answers.
func (d *doctor) greet(peer node.Connected, position pay.Position) error {
	ctx, cancel := context.WithTimeout(d.Ctx, probeTime)
	defer cancel()
	g, err := peer.Probe(ctx, position)
	if d.Ctx.Err() != nil {
		return d.Ctx.Err()
	}
	judge := func(r node.Reach) []finding { return greetingPathFindings(r, peer.Server(), err == nil) }
	if err != nil {
		if told := d.tell(areaNode, failed("registry", err)); told != nil || pay.CodeOf(err) != pay.CodeUnreachable {
			return told
		}
		return d.measurePath(peer.Server(), judge)
	}
	text := fmt.Sprintf("%s answers with the pinned key in %v", peer.Server(), g.Trip.Round(time.Millisecond))
	if g.Ahead > 0 {
		text += fmt.Sprintf(", %d entries wait for this node", g.Ahead)
	}
	if err := d.tell(areaNode, ok("registry", "%s", text), clockFinding(g.Offset, "just now")); err != nil {
		return err
	}
	return d.measurePath(peer.Server(), judge)
}
