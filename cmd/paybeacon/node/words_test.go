package node

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// TestADeviceThatGoesSilentIsOutOfReach: whatever stands where a device is looked for
// takes the connection, sends half a frame or nothing, and says no more. That is said
// in words, with a code and with what to do.
func TestADeviceThatGoesSilentIsOutOfReach(t *testing.T) {
	t.Parallel()
	n := newLoneWallet(t, "ask")
	for name, says := range map[string]string{"nothing": "", "half a frame": "\x16\x03\x03\x00"} {
		t.Run(name, func(t *testing.T) {
			d := wallet.Device{ID: pay.DeviceID{1}, Link: silentLink(t, says)}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			w := n.wordsOf(ctx, d)
			if w.Code != pay.CodeUnreachable || w.Message == "" || !strings.Contains(w.Hint, "--link HOST:PORT") || w.Handle != "" {
				t.Errorf("words: %+v", w)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if l := n.tryLink(ctx, d); !strings.Contains(l.Error, "does not answer") || !strings.Contains(l.Hint, "--link HOST:PORT") {
				t.Errorf("link: %+v", l)
			}
		})
	}
}

// silentLink returns an address where each connection is sent the same bytes and
// nothing after them.
func silentLink(t *testing.T, says string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	ended := make(chan struct{})
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				_, _ = conn.Write([]byte(says)) // a wallet that has given up reads nothing
				<-ended
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		close(ended)
		_ = l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}
