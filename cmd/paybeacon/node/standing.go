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
	return s
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
