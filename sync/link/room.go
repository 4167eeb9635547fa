package link

import (
	"net"
	"slices"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// room is who is talking to a device. It holds pay.LinkConnsMax guests. When it
// is full, a newcomer takes the place of the oldest of those whom the device has
// not served yet, from whichever address has the most of them. So a stranger who
// opens connections turns out himself and not the wallet.
type room struct {
	mu     sync.Mutex
	guests []*guest // oldest first
}

type guest struct {
	conn  net.Conn
	from  string // the address without the port
	known bool   // was served: no stranger
}

// enter lets a connection in; ok is false when all others are being served.
func (r *room) enter(conn net.Conn) (g *guest, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.guests) >= pay.LinkConnsMax {
		i := r.stranger()
		if i < 0 {
			return nil, false
		}
		_ = r.guests[i].conn.Close() // its conversation ends by that
		r.guests = slices.Delete(r.guests, i, i+1)
	}
	g = &guest{conn: conn, from: hostOf(conn)}
	r.guests = append(r.guests, g)
	return g, true
}

// stranger returns who has to leave, or -1.
func (r *room) stranger() int {
	count := map[string]int{}
	for _, g := range r.guests {
		if !g.known {
			count[g.from]++
		}
	}
	found := -1
	for i, g := range r.guests {
		if !g.known && (found < 0 || count[g.from] > count[r.guests[found].from]) {
			found = i
		}
	}
	return found
}

// trust notes that the device has served a guest.
func (r *room) trust(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.known = true
}

func (r *room) leave(g *guest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.guests = slices.DeleteFunc(r.guests, func(o *guest) bool { return o == g })
}

func hostOf(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}
