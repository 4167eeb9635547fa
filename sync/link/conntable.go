package link

import (
	"net"
	"slices"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// connTable is the connections to a device, at most pay.LinkConnsMax. When it is
// full, a new connection replaces the oldest one that the device has not served
// yet, of the address with the most of those. So an attacker who opens many
// connections replaces its own, and not that of the wallet.
type connTable struct {
	mu    sync.Mutex
	conns []*tableConn // oldest first
}

type tableConn struct {
	conn   net.Conn
	from   string // the address without the port
	served bool   // the device has answered a request of it
}

// admit adds a connection. It closes and removes another one if the table is full;
// ok is false if all of them are served.
func (r *connTable) admit(conn net.Conn) (g *tableConn, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.conns) >= pay.LinkConnsMax {
		i := r.evictable()
		if i < 0 {
			return nil, false
		}
		_ = r.conns[i].conn.Close() // which ends its goroutine
		r.conns = slices.Delete(r.conns, i, i+1)
	}
	g = &tableConn{conn: conn, from: hostOf(conn)}
	r.conns = append(r.conns, g)
	return g, true
}

// evictable returns the index of the connection to replace, or -1.
func (r *connTable) evictable() int {
	count := map[string]int{}
	for _, g := range r.conns {
		if !g.served {
			count[g.from]++
		}
	}
	found := -1
	for i, g := range r.conns {
		if !g.served && (found < 0 || count[g.from] > count[r.conns[found].from]) {
			found = i
		}
	}
	return found
}

// markServed records that the device has answered a request on a connection.
func (r *connTable) markServed(g *tableConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.served = true
}

func (r *connTable) remove(g *tableConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = slices.DeleteFunc(r.conns, func(o *tableConn) bool { return o == g })
}

func hostOf(conn net.Conn) string {
	host, _, err := net.SplitHostPort(conn.RemoteAddr().String())
	if err != nil {
		return conn.RemoteAddr().String()
	}
	return host
}
