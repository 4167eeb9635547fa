package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// Ask puts a request to the node of a data directory: to its daemon, or, for a
// verb that only reads, to the store itself when no daemon runs. The answer is
// decoded into out (a pointer, or nil) and returned as it came.
func Ask(ctx context.Context, d Dir, name string, request, out any) (json.RawMessage, error) {
	if d == "" {
		return nil, pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	raw, err := AskDaemon(ctx, d, name, body)
	if errors.Is(err, api.ErrNoDaemon) {
		raw, err = askWithoutDaemon(ctx, d, name, body)
	}
	if err != nil {
		return nil, err
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
	}
	return raw, nil
}

// AskDaemon returns ErrNoDaemon when nothing was sent.
func AskDaemon(ctx context.Context, d Dir, name string, body []byte) (json.RawMessage, error) {
	return api.Ask(ctx, d.Path("control.sock"), name, body)
}

func askWithoutDaemon(ctx context.Context, d Dir, name string, body []byte) (json.RawMessage, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	unlock, err := d.lockOrDaemon(ctx)
	if errors.Is(err, errDaemonAppeared) {
		return AskDaemon(ctx, d, name, body)
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	notRunning := pay.NewError(pay.CodeNotRunning, fmt.Sprintf("no daemon runs on %s", d), "start it, then repeat the command: "+StartHint(d))
	n, err := OpenOffline(ctx, d)
	if err != nil {
		return nil, err
	}
	defer n.Close()
	v, ok := n.Verbs()[name]
	if !ok {
		return nil, pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("the node in %s cannot %q", d, name), "use the data directory of a node whose role can do it")
	}
	if !v.Read {
		return nil, notRunning
	}
	answer, err := v.Run(ctx, api.RawRequest{Body: body})
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

var errDaemonAppeared = errors.New("a daemon has started")

// lockOrDaemon takes the directory, or finds that a starting daemon has its
// socket open by now.
func (d Dir) lockOrDaemon(ctx context.Context) (unlock func(), err error) {
	deadline, cancel := context.WithTimeout(ctx, lockWaitReading)
	defer cancel()
	for {
		unlock, err := d.Lock(deadline, lockPoll)
		if err == nil {
			return unlock, nil
		}
		if pay.CodeOf(err) != pay.CodeInUse || deadline.Err() != nil {
			return nil, err
		}
		conn, dialErr := net.DialTimeout("unix", d.Path("control.sock"), time.Second)
		if dialErr == nil {
			_ = conn.Close()
			return nil, errDaemonAppeared
		}
	}
}

func StartHint(d Dir) string {
	switch d.Role() {
	case pay.RoleRegistry:
		return "paybeacon serve --data " + string(d)
	case pay.RoleBox:
		return "paybeacon scan --data " + string(d) + " --radio RADIO"
	case pay.RoleWallet:
		return "paybeacon wallet run --data " + string(d)
	case pay.RoleDevice:
		return "paybeacon beacon run --data " + string(d) + " --radio RADIO"
	default:
		return "paybeacon serve, scan, wallet run or beacon run"
	}
}
