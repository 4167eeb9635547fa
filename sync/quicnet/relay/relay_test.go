package relay_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/sync/quicnet/relay"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRules reads the datagrams of one flow from left to right: u and d are up and
// down, h is one of a handshake; what is swallowed is in parentheses.
func TestRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule relay.Rule
		want string
	}{
		"all":               {relay.All(), "u1452 d1452 hu1452"},
		"above":             {relay.Above(1_200), "u1200 d1200 hu1200 (u1201) (d1201) (hu1201) u9"},
		"after handshake":   {relay.AfterHandshake(1_200), "hu1280 hd1280 u1200 (u1201) d1200 (d1280) hd1201"},
		"one way, up":       {relay.OneWay(true, relay.Above(1_200)), "(u1201) d1201 u1200"},
		"one way, down":     {relay.OneWay(false, relay.Above(1_200)), "u1201 (d1201) d1200"},
		"once confirmed":    {relay.OnceConfirmed(1_280), "hu1400 u1200 u1326 u1300 u1326 (u1389) (u1326) u1280 d1326 (d1357) (u1281) hu1400"},
		"never confirmed":   {relay.OnceConfirmed(1_400), "u1326 u1389 u1420 u1420 u1401"},
		"confirmed one way": {relay.OneWay(true, relay.OnceConfirmed(1_280)), "u1326 (u1389) d1326 d1389"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passes := c.rule()
			var got []string
			for word := range strings.FieldsSeq(c.want) {
				word = strings.Trim(word, "()")
				var d relay.Datagram
				rest, handshake := strings.CutPrefix(word, "h")
				var way rune
				if _, err := fmt.Sscanf(rest, "%c%d", &way, &d.Size); err != nil {
					t.Fatal(err)
				}
				d.Handshake, d.Up = handshake, way == 'u'
				if !passes(d) {
					word = "(" + word + ")"
				}
				got = append(got, word)
			}
			if have := strings.Join(got, " "); have != c.want {
				t.Errorf("have %s\nwant %s", have, c.want)
			}
		})
	}
}

// TestRelayPassesOnAndCounts sends through a relay to a socket that sends back what
// it gets.
func TestRelayPassesOnAndCounts(t *testing.T) {
	t.Parallel()
	echo, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2_000)
		for {
			n, from, err := echo.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	r, err := relay.Listen(echo.LocalAddr().String(), relay.Above(1_000))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := net.Dial("udp", r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := socket.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	ask := func(sizes ...int) int {
		for _, size := range sizes {
			if _, err := socket.Write(make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		n, err := socket.Read(make([]byte, 2_000))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	// The order of datagrams is kept, so what was sent before has been judged.
	if n := ask(1_200, 900); n != 900 {
		t.Errorf("%d bytes came back", n)
	}
	r.Set(relay.OneWay(true, relay.Above(1_000)))
	if n := ask(1_100, 800); n != 800 {
		t.Errorf("%d bytes came back", n)
	}
	r.Set(relay.All())
	if n := ask(1_300); n != 1_300 {
		t.Errorf("%d bytes came back", n)
	}
	flows, up, down := r.Flows()
	if flows != 1 || up != (relay.Flow{Largest: 1_300, Passed: 1_300, Swallowed: 2}) || down != (relay.Flow{Largest: 1_300, Passed: 1_300}) {
		t.Errorf("%d flows, %+v, %+v", flows, up, down)
	}
	for _, close := range []func() error{socket.Close, r.Close, echo.Close} {
		if err := close(); err != nil {
			t.Error(err)
		}
	}
	<-done
	if _, err := relay.Listen("no address", relay.All()); err == nil {
		t.Error("a target that is none is taken")
	}
}
