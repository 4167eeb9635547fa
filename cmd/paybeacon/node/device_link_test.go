package node

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
)

// TestLinkKeepsItsPort: where any port will do, a device that starts again is
// where its wallet left it, on one address or on all.
func TestLinkKeepsItsPort(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", ":0", "0.0.0.0:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			env, err := process.EnvOf(datadir.Dir(t.TempDir()), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			port := func() string {
				l, err := listenLink(t.Context(), env, addr)
				if err != nil {
					t.Fatal(err)
				}
				_, p, err := net.SplitHostPort(l.Addr().String())
				if err != nil || l.Close() != nil {
					t.Fatal(err)
				}
				return p
			}
			if before, after := port(), port(); before != after {
				t.Errorf("it was at port %s and is at %s", before, after)
			}
		})
	}
}

// TestLinkWaitsForItsPort: whoever has a device's port for a moment does not
// drive it to another one.
func TestLinkWaitsForItsPort(t *testing.T) {
	t.Parallel()
	env, err := process.EnvOf(datadir.Dir(t.TempDir()), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	first, err := listenLink(t.Context(), env, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Close() })
	release := time.AfterFunc(5*datadir.LockPoll, func() { _ = first.Close() })
	defer release.Stop()
	second, err := listenLink(t.Context(), env, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if first.Addr().String() != second.Addr().String() {
		t.Errorf("it was at %s and is at %s", first.Addr(), second.Addr())
	}
}
