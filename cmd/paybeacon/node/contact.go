package node

import (
	"context"
	"encoding/json"
	"os"
	"sync"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
)

// contactFile keeps what a node last knew of its registry, so that it says since when
// it has not heard from it after a restart, too, and without its daemon.
const contactFile = "registry.json"

// contact is what a node knows of its contact with the registry over all its starts.
// It may be used from any number of goroutines.
type contact struct {
	env process.Env

	mu       sync.Mutex
	last     contactState
	answered bool // the registry has answered since this start
	up       bool
}

// contactState is what the file holds.
type contactState struct {
	V int `json:"v"`
	// Heard is until when the node is known to have been connected; 0 for never.
	Heard    pay.Time     `json:"heard"`
	Standing api.Standing `json:"standing"`
}

// openContact reads what the directory says. What cannot be read is as good as
// nothing: only words rest on it.
func openContact(env process.Env) *contact {
	c := &contact{env: env}
	raw, err := os.ReadFile(env.Dir.Path(contactFile))
	var last contactState
	if err == nil && json.Unmarshal(raw, &last) == nil && last.V == 1 {
		c.last = last
	}
	return c
}

// watch keeps what happens to a connection until ctx ends.
func (c *contact) watch(ctx context.Context, p peer) {
	for {
		state, changed := p.client.Watch()
		if !state.Since.IsZero() {
			c.note(p.Standing())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.end()
			return
		}
	}
}

// note takes in how the node stands now.
func (c *contact) note(s api.Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answered = c.answered || s.Registry != api.RegistryDown
	before := c.last
	up := s.Registry == api.RegistryUp
	if up || c.up {
		c.last.Heard = pay.TimeOf(c.env.Now())
	}
	c.up, c.last.V, c.last.Standing = up, 1, s
	if before.Standing != s {
		c.keep()
	}
}

// end notes that the node was connected until now, if it is.
func (c *contact) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up {
		c.last.Heard = pay.TimeOf(c.env.Now())
		c.keep()
	}
}

func (c *contact) keep() {
	raw, err := json.MarshalIndent(c.last, "", "  ")
	if err == nil {
		err = c.env.Dir.Write(contactFile, raw)
	}
	if err != nil {
		c.env.Log.Warn("cannot keep when the registry was last heard", "error", err)
	}
}

// judge returns how the node stands, by what its connection says of itself, and
// whether that has been tried, and by what was known before this start: a registry
// that refused the node and does not answer now is no more away than before.
func (c *contact) judge(s api.Standing, tried bool) api.Standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.Registry != api.RegistryDown || c.answered {
		return s
	}
	switch last := c.last.Standing; {
	case !last.Serves() && last.Code != pay.CodeUpgrade: // this may be another version
		return last
	case last.Registry == api.RegistryDown && last.Since != "":
		s.Since = last.Since
	case !tried && c.last.Heard != 0:
		s.Since = c.last.Heard.String()
	}
	if c.env.Offline {
		s.Why, s.Hint = "its daemon does not run", "start it: "+StartHint(c.env.Dir)
	}
	return s
}

// staleSince returns since when the node has not heard from its registry, RFC 3339;
// "" while the two are connected.
func (c *contact) staleSince() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.up:
		return ""
	case c.last.Heard != 0:
		return c.last.Heard.String()
	}
	info, err := os.Stat(c.env.Dir.Path(datadir.MemberFile))
	if err != nil {
		return ""
	}
	return pay.TimeOf(info.ModTime()).String() // never since it enrolled
}
