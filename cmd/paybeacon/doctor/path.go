package doctor

import (
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// lookAtPath reports whether large datagrams get lost on the way to the registry of a
// daemon, where that may be why it has or had no connection.
func (d *doctor) lookAtPath(s api.Session) error {
	if s.Stall == "" && (s.Up || s.Code != pay.CodeUnreachable) {
		return nil
	}
	return d.measurePath(s.Server, func(r node.Reach) []finding { return []finding{sessionPathFinding(r, s)} })
}

// measurePath measures what gets through to a registry, and has that judged if
// anything does.
func (d *doctor) measurePath(server string, judge func(node.Reach) []finding) error {
	reach := node.MeasurePath(d.Ctx, server)
	if d.Ctx.Err() != nil {
		return d.Ctx.Err()
	}
	if reach.Passes == 0 {
		return nil // the address or the registry is the fault: that was said
	}
	return d.tell(areaNode, judge(reach)...)
}

// sessionPathFinding judges what gets through to the registry of a daemon. What
// the daemon saw counts as well: a path may treat connections in another way than
// what is measured.
func sessionPathFinding(r node.Reach, s api.Session) finding {
	err := r.Err(s.Server)
	switch {
	case err != nil:
		return failed("path", err)
	case s.Stall != "" && r.Fails > 0:
		return finding{"path", levelWarn, fmt.Sprintf("datagrams above %d bytes do not get through to %s, so this node's connection has smaller ones", r.Passes, s.Server), s.StallHint}
	case s.Stall != "":
		return finding{"path", levelWarn, s.Stall, s.StallHint}
	default:
		return ok("path", "datagrams of up to %d bytes get through to %s, which is enough", r.Passes, s.Server)
	}
}

// greetingPathFindings judges what gets through to a registry that answered a
// moment ago, or did not. A greeting is small, so a path that carries it may be too
// narrow all the same. The way back cannot be measured; but a registry that gets
// large datagrams and answers small ones, and whose handshake does not come back,
// sends that handshake in large ones.
func greetingPathFindings(r node.Reach, server string, answered bool) []finding {
	err := r.Err(server)
	switch {
	case err != nil:
		return []finding{failed("path", err)}
	case answered:
		return nil
	default:
		return []finding{{"path", levelWarn, fmt.Sprintf("datagrams of up to %d bytes get through to %s, and only small ones seem to get back", r.Passes, server),
			"give every tunnel and link on the way an MTU of at least 1280; if that is so, see the registry's log"}}
	}
}
