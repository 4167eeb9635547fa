package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// benchSessions is many idle wallets: sessions of this process with a registry that is
// a process of its own. During is how long they are looked at.
type benchSessions struct {
	wallets int
	during  time.Duration
}

const (
	sessionsAtOnce = 32 // wallets that enrol at the same time
	sessionKiBMax  = 64
	sessionCPUMax  = 3 // percent of a core
	sessionsMany   = 5_000
	// sessionsQuiet is how long wallets are left alone before they count as idle.
	// Chosen: they send the fewest Pings from 50 s on.
	sessionsQuiet = time.Minute
	// sessionsPings is how long they are looked at, at least. Chosen: twice the
	// longest interval between their Pings.
	sessionsPings = 50 * time.Second
	// sessionsDuring is the time to look at idle nodes with which the two above are
	// kept; a shorter look shortens them, too. Chosen: what bench does by itself.
	sessionsDuring = 8 * time.Second
)

// restFor returns how long to leave idle nodes alone before they are looked at, and how
// long to look where Pings count.
func restFor(during time.Duration) (quiet, pings time.Duration) {
	share := min(1, during.Seconds()/sessionsDuring.Seconds())
	return time.Duration(share * float64(sessionsQuiet)), max(during, time.Duration(share*float64(sessionsPings)))
}

// run measures how much memory of the registry each connected wallet takes, and what
// CPU time all of them cost while nothing happens.
func (b benchSessions) run(ctx context.Context, dir string) (figures []figure, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := stage.New(ctx, exe, filepath.Join(dir, "many"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Start(shopRegistry, nil, "serve", "--data", s.Data(shopRegistry), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if _, err := s.Ready(shopRegistry); err != nil {
		return nil, err
	}
	wallets, err := b.enrol(ctx, datadir.Dir(s.Data(shopRegistry)))
	if err != nil {
		return nil, err
	}
	s.Stop(shopRegistry) // what enrolling has left on its heap is not theirs
	if err := s.Again(shopRegistry, nil); err != nil {
		return nil, err
	}
	if _, err := s.Ready(shopRegistry); err != nil {
		return nil, err
	}
	pid := s.Procs[shopRegistry].Cmd.Process.Pid
	before, err := residentOf(pid)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	if err := connectAll(running, wallets, &clients); err != nil {
		return nil, err
	}
	return b.look(ctx, pid, before)
}

// look measures the registry with all wallets connected.
func (b benchSessions) look(ctx context.Context, pid int, before uint64) ([]figure, error) {
	quiet, pings := restFor(b.during)
	if err := wait(ctx, quiet); err != nil {
		return nil, err
	}
	spent, err := cpuOf(pid)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := wait(ctx, pings); err != nil {
		return nil, err
	}
	spentNow, err1 := cpuOf(pid)
	share := 100 * (spentNow - spent).Seconds() / time.Since(begun).Seconds()
	after, err2 := residentOf(pid)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	each := (float64(after) - float64(before)) / 1024 / float64(b.wallets)
	small := each <= sessionKiBMax
	cpu := figure{What: fmt.Sprintf("CPU time for %d idle wallets", b.wallets), Value: share, Unit: "%"}
	if b.wallets >= sessionsMany {
		little := share <= sessionCPUMax
		cpu.Target, cpu.Met = fmt.Sprintf("<= %d %% of a core", sessionCPUMax), &little
	}
	return []figure{
		{What: fmt.Sprintf("memory of the registry for each of %d wallets", b.wallets), Value: each, Unit: "KiB", Target: fmt.Sprintf("<= %d KiB", sessionKiBMax), Met: &small},
		cpu,
	}, nil
}

// idleWallet is a wallet that only keeps its connection.
type idleWallet struct {
	key     pay.Key
	root    pay.NodeID
	address string
	member  pay.Membership
}

func (b benchSessions) enrol(ctx context.Context, registry datadir.Dir) ([]idleWallet, error) {
	all := make([]idleWallet, b.wallets)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sessionsAtOnce)
	for i := range all {
		group.Go(func() (err error) {
			w := &all[i]
			reply, err := node.AskDaemon(ctx, registry, api.VerbInvite, api.InviteRequest{Role: pay.RoleWallet, Name: pay.Name(fmt.Sprint("w", i)), TTL: pay.InviteTTLDefault})
			if err != nil {
				return err
			}
			invite, err := pay.ParseInvite(reply.Value.Invite)
			if err != nil {
				return err
			}
			if w.key, err = pay.NewKey(rand.Reader); err != nil {
				return err
			}
			w.root, w.address = invite.Root, invite.Address
			w.member, err = paysync.Enrol(ctx, quicnet.Dialer{}, w.key, invite, pay.RoleWallet, "")
			return err
		})
	}
	return all, group.Wait()
}

// connectAll runs the stores and sessions of all wallets until ctx ends, and returns
// once all are connected.
func connectAll(ctx context.Context, wallets []idleWallet, running *sync.WaitGroup) error {
	group, waiting := errgroup.WithContext(ctx)
	group.SetLimit(sessionsAtOnce)
	for _, w := range wallets {
		group.Go(func() error {
			st, err := store.Open(waiting, store.Options{Engine: kv.NewMemory(), Own: w.member.Node.Scope, Random: rand.Reader})
			if err != nil {
				return err
			}
			client := paysync.NewClient(paysync.ClientOptions{
				Dialer: quicnet.Dialer{}, Address: w.address, Key: w.key, Root: w.root, Scope: w.member.Node.Scope,
				Authorities: [][]byte{w.member.Authority.Raw()}, Journal: st.Journal(),
			})
			running.Go(func() { _ = st.Run(ctx) })     // it ends with ctx
			running.Go(func() { _ = client.Run(ctx) }) // a session that ends is dialled again
			return client.WaitUp(waiting)
		})
	}
	return group.Wait()
}
