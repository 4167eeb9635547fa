package node

import (
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

// Standing is how the node stands with its registry.
func (p peer) Standing() api.Standing {
	state := p.client.State()
	s := api.Standing{Registry: standingWord(state)}
	if !state.Since.IsZero() {
		s.Since = pay.TimeOf(state.Since).String()
	}
	if !s.Serves() {
		e := api.Describe(state.Err)
		s.Code, s.Why, s.Hint = e.Code, e.Message, e.Hint
	}
	// What the store knows outlives this process and the line.
	if old, ok := p.oldCopy(); ok && s.Registry != api.RegistryUp {
		s = api.Standing{Registry: api.RegistryOldCopy, Since: old.Since.String(), Code: pay.CodeOldCopy, Why: old.Why, Hint: old.Hint}
		return s
	}
	return p.contact.judge(s, !state.Since.IsZero())
}

// refusal is the error with which a claim is refused that the registry would not
// take, and nil while it takes them, now or once it answers again or is upgraded.
func (p peer) refusal() error {
	if paysync.RegistryOutdated(p.client.State().Err) {
		return nil
	}
	return p.Standing().Refusal()
}

// standingWord returns the word for a connection. A registry that answered and
// does not serve the node is not away.
func standingWord(s paysync.State) api.RegistryWord {
	switch {
	case s.Up:
		return api.RegistryUp
	case s.Refused == pay.CodeOldCopy:
		return api.RegistryOldCopy
	case s.Refused != "":
		return api.RegistryRefused
	default:
		return api.RegistryDown
	}
}
