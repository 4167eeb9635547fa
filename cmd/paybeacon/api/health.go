package api

import (
	"github.com/paybeacon/paybeacon/pay"
)

// Health is what a running daemon says of itself when `doctor` asks: the
// things that nobody else can see without disturbing it.
type Health struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	// Spec is its --radio; empty where it has none.
	Spec             string  `json:"spec,omitempty"`
	Radio            string  `json:"radio,omitempty"`
	RadioWhy         string  `json:"radio_why,omitempty"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`

	Session *Session `json:"session,omitempty"`
	Space   *Space   `json:"space,omitempty"`
	Links   []Link   `json:"links,omitempty"`
	// Aside is what a registry has set aside, the first of AsideCount.
	Aside      []Aside `json:"aside,omitempty"`
	AsideCount int     `json:"aside_count,omitempty"`
}

// Link is whether a wallet reaches one of its devices: Error is empty if it does.
type Link struct {
	Device string `json:"device"`
	Link   string `json:"link,omitempty"`
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// Session is the state of the connection to the registry.
type Session struct {
	Server string `json:"server"`
	Up     bool   `json:"up"`
	// Standing is how the node stands with the registry, in the words of all views.
	Standing Standing      `json:"standing"`
	Since    string        `json:"since,omitempty"`
	Offset   pay.Millis    `json:"offset_ms"` // the registry's clock minus this node's
	Code     pay.ErrorCode `json:"code,omitempty"`
	Error    string        `json:"error,omitempty"`
	Hint     string        `json:"hint,omitempty"`
	// Stall is why a session ended in which large datagrams seemed to get lost,
	// while connections avoid them for that reason.
	Stall     string `json:"stall,omitempty"`
	StallHint string `json:"stall_hint,omitempty"`
}

// Space is the room on the disk of the store.
type Space struct {
	Free uint64 `json:"free_bytes"`
	Need uint64 `json:"need_bytes"`
}
