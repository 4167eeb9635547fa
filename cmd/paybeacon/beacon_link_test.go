package main

import (
	"io"
	"net"
	"testing"
)

// TestLinkKeepsItsPort: where any port will do, a device that starts again is
// where its wallet left it, on one address or on all.
func TestLinkKeepsItsPort(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", ":0", "0.0.0.0:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			s, err := newSetting(dataDir(t.TempDir()), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			port := func() string {
				l, err := s.listenLink(addr)
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
