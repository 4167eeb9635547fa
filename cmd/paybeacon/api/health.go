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
	// Clock is what a node with a store thinks of its clock.
	Clock *Clock `json:"clock,omitempty"`
	// Aside is what a registry has set aside, the first of AsideCount.
	Aside      []Aside `json:"aside,omitempty"`
	AsideCount int     `json:"aside_count,omitempty"`
	// Providers are the acquirers that a registry calls, or has called.
	Providers []Provider `json:"providers,omitempty"`
	// EarshotPairs are places that hear one another's customers and are no declared
	// neighbours, at a registry. At a box, Neighbours are those of its site, and
	// Earshot is that yet another place hears its customers.
	EarshotPairs []EarshotPair `json:"earshot_pairs,omitempty"`
	Neighbours   []Place       `json:"neighbours,omitempty"`
	Earshot      *Earshot      `json:"earshot,omitempty"`
	// PutBack shows that a registry was put back to an older copy, and Rivals which
	// nodes run twice.
	PutBack []PutBack `json:"put_back,omitempty"`
	Rivals  []Rivalry `json:"rivals,omitempty"`
}

// Link is whether a wallet reaches one of its devices: Error is empty if it does.
type Link struct {
	Device string `json:"device"`
	Link   string `json:"link,omitempty"`
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
	// Clock says that the device's clock was off when it was last heard.
	Clock string `json:"clock,omitempty"`
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
	// Rival is when another process with this node's key last wanted to connect.
	Rival string `json:"rival,omitempty"`
}

// Space is the room on the disk of the store.
type Space struct {
	Free uint64 `json:"free_bytes"`
	Need uint64 `json:"need_bytes"`
}

// Clock is what a node thinks of its clock. Wall is what the machine's clock shows
// and Time the node's own time, which goes on by how long the machine has run; Off
// is how far Wall is ahead of it. In doubt the two contradict each other, and a
// registry decides no payment; with Earliest nobody knows more than that it is
// Time or later.
type Clock struct {
	V        int        `json:"v"`
	Type     string     `json:"type"`
	Doubt    bool       `json:"doubt"`
	Wall     string     `json:"wall"`
	Time     string     `json:"time"`
	Off      pay.Millis `json:"off_ms"`
	Since    string     `json:"since,omitempty"`
	Earliest bool       `json:"earliest,omitempty"`
	// Accepted means that the operator's word was just taken.
	Accepted bool   `json:"accepted,omitempty"`
	Message  string `json:"message,omitempty"`
	Hint     string `json:"hint,omitempty"`
	// Last is the last doubt that ended.
	Last *ClockDoubt `json:"last,omitempty"`
	// Nodes is what the clocks of a registry's connected nodes say. They set nothing.
	Nodes *NodeClocks `json:"nodes,omitempty"`
}

// NodeClocks counts the clocks of connected nodes: those that agree with the
// machine's clock, and those that agree with the registry's time. Message says when
// most of them contradict it.
type NodeClocks struct {
	Connected int    `json:"connected"`
	LikeWall  int    `json:"like_wall"`
	LikeTime  int    `json:"like_time"`
	Message   string `json:"message,omitempty"`
}

// ClockDoubt is a time in which a clock was in doubt, and how that ended:
// "agreed", "accepted", "confirmed" or "restarted". Off is by how much the node's
// time moved at the end.
type ClockDoubt struct {
	From    string     `json:"from"`
	To      string     `json:"to"`
	Off     pay.Millis `json:"off_ms"`
	End     string     `json:"end"`
	Message string     `json:"message"`
}
