package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// ask puts a request to the node of a data directory: to its daemon, or, for a
// verb that only reads, to the store itself when no daemon runs. The answer is
// decoded into out (a pointer, or nil) and returned as it came.
func ask(ctx context.Context, d dataDir, name string, request, out any) (json.RawMessage, error) {
	if d == "" {
		return nil, pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	raw, err := askDaemon(ctx, d, name, body)
	if errors.Is(err, errNoDaemon) {
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

// askDaemon returns errNoDaemon when nothing was sent.
func askDaemon(ctx context.Context, d dataDir, name string, body []byte) (json.RawMessage, error) {
	return askSocket(ctx, d.path("control.sock"), name, body)
}

func askWithoutDaemon(ctx context.Context, d dataDir, name string, body []byte) (json.RawMessage, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	unlock, err := d.lockOrDaemon(ctx)
	if errors.Is(err, errDaemonAppeared) {
		return askDaemon(ctx, d, name, body)
	}
	if err != nil {
		return nil, err
	}
	defer unlock()
	notRunning := pay.NewError(pay.CodeNotRunning, fmt.Sprintf("no daemon runs on %s", d), "start it, then repeat the command: "+startHint(d))
	n, err := openOffline(ctx, d)
	if err != nil {
		return nil, err
	}
	defer n.close()
	v, ok := n.verbs()[name]
	if !ok {
		return nil, pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("the node in %s cannot %q", d, name), "use the data directory of a node whose role can do it")
	}
	if !v.read {
		return nil, notRunning
	}
	answer, err := v.run(ctx, query{body: body})
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}

var errDaemonAppeared = errors.New("a daemon has started")

// lockOrDaemon takes the directory, or finds that a starting daemon has its
// socket open by now.
func (d dataDir) lockOrDaemon(ctx context.Context) (unlock func(), err error) {
	deadline, cancel := context.WithTimeout(ctx, lockWaitReading)
	defer cancel()
	for {
		unlock, err := d.lock(deadline, lockPoll)
		if err == nil {
			return unlock, nil
		}
		if pay.CodeOf(err) != pay.CodeInUse || deadline.Err() != nil {
			return nil, err
		}
		conn, dialErr := net.DialTimeout("unix", d.path("control.sock"), time.Second)
		if dialErr == nil {
			_ = conn.Close()
			return nil, errDaemonAppeared
		}
	}
}

func startHint(d dataDir) string {
	switch d.role() {
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
