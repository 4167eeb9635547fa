package main

import "github.com/paybeacon/paybeacon/pay"

// healthJSON is what a running daemon says of itself when `doctor` asks: the
// things that nobody else can see without disturbing it.
type healthJSON struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	// Spec is its --radio; empty where it has none.
	Spec             string  `json:"spec,omitempty"`
	Radio            string  `json:"radio,omitempty"`
	RadioWhy         string  `json:"radio_why,omitempty"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`

	Session *sessionJSON `json:"session,omitempty"`
	Space   *spaceJSON   `json:"space,omitempty"`
	Links   []linkJSON   `json:"links,omitempty"`
}

// linkJSON says whether a wallet reaches one of its devices.
type linkJSON struct {
	Device string `json:"device"`
	Link   string `json:"link,omitempty"`
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// sessionJSON is the state of the connection to the registry.
type sessionJSON struct {
	Server string        `json:"server"`
	Up     bool          `json:"up"`
	Since  string        `json:"since,omitempty"`
	Offset pay.Millis    `json:"offset_ms"` // the registry's clock minus this node's
	Code   pay.ErrorCode `json:"code,omitempty"`
	Error  string        `json:"error,omitempty"`
	Hint   string        `json:"hint,omitempty"`
}

// spaceJSON is the room on the disk of the store.
type spaceJSON struct {
	Free uint64 `json:"free_bytes"`
	Need uint64 `json:"need_bytes"`
}
