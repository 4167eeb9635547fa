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
	}
	return s
}

// mayClaim returns the error with which new claims are refused, nil while they are
// taken. While the directory is an old copy, what it would ask for may contradict
// what the newer one asked for.
func (p peer) mayClaim() error {
	if s := p.Standing(); s.Registry == api.RegistryOldCopy {
		return s.Refusal()
	}
	return nil
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
