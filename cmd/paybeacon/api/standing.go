package api

import (
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// RegistryWord says in one word how a node stands with its registry.
type RegistryWord string

// The words.
const (
	// RegistryUp means that the two are connected.
	RegistryUp RegistryWord = "up"
	// RegistryDown means that the registry does not answer: what is asked for
	// meanwhile waits in the outbox.
	RegistryDown RegistryWord = "down"
	// RegistryRefused means that the registry answered and does not serve the
	// node: it was revoked, is outdated, or the two disagree about history.
	RegistryRefused RegistryWord = "refused"
	// RegistryOldCopy means that the node's data directory is an old copy, or one
	// of two that are in use.
	RegistryOldCopy RegistryWord = "old_copy"
)

// Standing is how a node stands with its registry. Every object that says so has
// it inside, and every sentence about it is made here.
type Standing struct {
	Registry RegistryWord `json:"registry,omitempty"` // empty where there is none
	// Since is when that began, RFC 3339.
	Since string `json:"since,omitempty"`
	// Code, Why and Hint say for RegistryRefused and RegistryOldCopy what the
	// matter is and what to do.
	Code pay.ErrorCode `json:"registry_code,omitempty"`
	Why  string        `json:"registry_why,omitempty"`
	Hint string        `json:"registry_hint,omitempty"`
}

// Serves reports whether the registry takes what the node asks for, now or once
// it answers again.
func (s Standing) Serves() bool {
	return s.Registry != RegistryRefused && s.Registry != RegistryOldCopy
}

// Refusal is the error with which new claims are refused, and nil while the
// registry takes them. Its code is one of exit status 4.
func (s Standing) Refusal() error {
	if s.Serves() {
		return nil
	}
	code := s.Code
	if pay.ExitOf(code) != pay.ExitNotAllowed {
		code = pay.CodeNotAllowed
	}
	return pay.NewError(code, s.Sentence(), s.Hint)
}

// Sentence says how the node stands, for a person.
func (s Standing) Sentence() string {
	since := ""
	if s.Since != "" {
		since = " since " + text.Moment(s.Since)
	}
	switch s.Registry {
	case RegistryRefused:
		return because("the registry refuses this node"+since, s.Why)
	case RegistryOldCopy:
		return because("this is an old copy, known"+since, s.Why)
	default:
		return because("registry "+string(s.Registry)+since, s.Why)
	}
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}
