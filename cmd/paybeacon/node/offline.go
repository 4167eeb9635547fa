package node

import (
	"context"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// Stored is a node with a store: all but a device.
type Stored interface {
	Node
	// Space is the room on the disk of the store.
	Space() (api.Space, error)
	// Clock is what the node thinks of its clock.
	Clock() api.Clock
	Store() *store.Store
}

// Connected is a node that has a registry: a box or a wallet.
type Connected interface {
	Stored
	// Server is the address at which the registry is looked for.
	Server() string
	// Position is up to where the node has read its feed, and what it has queued.
	Position(ctx context.Context) (pay.Position, error)
	// Probe greets the registry once, as a node at that position.
	Probe(ctx context.Context, p pay.Position) (paysync.Greeting, error)
}

var (
	_ Stored    = (*Registry)(nil)
	_ Connected = (*Box)(nil)
	_ Connected = (*Wallet)(nil)
)

// OpenOffline opens the node of a directory without its daemon, for reading. Its
// errors are *pay.Error: with CodeNotEnrolled where the directory is no node's yet,
// with CodeNotRunning for a device, which has no store, and those of opening a
// store. The caller holds the directory's lock.
func OpenOffline(ctx context.Context, d datadir.Dir) (Stored, error) {
	env, err := process.EnvOf(d, io.Discard)
	if err != nil {
		return nil, err
	}
	env.Offline = true
	switch role := d.Role(); role {
	case pay.RoleRegistry:
		return OpenRegistry(ctx, RegistryOptions{Env: env})
	case pay.RoleBox:
		return OpenBox(ctx, BoxOptions{Env: env})
	case pay.RoleWallet:
		return OpenWallet(ctx, WalletOptions{Env: env})
	case pay.RoleDevice:
		return nil, pay.NewError(pay.CodeNotRunning, fmt.Sprintf("no daemon runs on %s", d), "start it: "+StartHint(d))
	default:
		if _, err := d.LoadMember(); pay.CodeOf(err) != pay.CodeNotEnrolled {
			return nil, err
		}
		return nil, pay.NewError(pay.CodeNotEnrolled, fmt.Sprintf("%s is not enrolled with any registry", d), "run paybeacon scan enrol or paybeacon wallet enrol first")
	}
}

// StartHint is the command that starts the daemon of a directory.
func StartHint(d datadir.Dir) string {
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
