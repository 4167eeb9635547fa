package api

import "github.com/paybeacon/paybeacon/pay"

// Words is what one device of a wallet is called at a till now. A device that could
// not be asked has no words and says why.
type Words struct {
	V      int            `json:"v"`
	Type   string         `json:"type"`
	Device string         `json:"device"`
	Kind   pay.DeviceType `json:"kind"`
	Handle pay.Handle     `json:"handle,omitempty"`
	// Three is what a till shows where another who is present has the same two words.
	Three pay.Handle `json:"three,omitempty"`
	// Until is when the device changes its code, and its words with it, by the
	// wallet's clock; Stays is how long that is from now, in milliseconds. A till takes
	// words that it has shown for two minutes more.
	Until string     `json:"until,omitempty"`
	Stays pay.Millis `json:"stays_ms,omitempty"`
	// Code, Message and Hint say why the device could not be asked.
	Code    pay.ErrorCode `json:"code,omitempty"`
	Message string        `json:"message,omitempty"`
	Hint    string        `json:"hint,omitempty"`
}
