package main

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
)

// fact is a signed statement.
type fact struct {
	Payload   []byte `json:"payload"` // a body, as JSON
	Signature []byte `json:"signature"`
}

// body is what a fact says.
type body struct {
	Kind     string `json:"kind"` // request, offer, answer or capture
	Payment  string `json:"payment,omitempty"`
	Merchant string `json:"merchant"`
	Site     string `json:"site,omitempty"`
	Key      string `json:"key,omitempty"`
	Code     string `json:"code,omitempty"`
	Wallet   string `json:"wallet,omitempty"`
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	Expires  int64  `json:"expires,omitempty"` // milliseconds since 1970
	Verdict  string `json:"verdict,omitempty"`
	At       int64  `json:"at"`
}

func sign(key ed25519.PrivateKey, b body) (raw []byte, err error) {
	f := fact{}
	if f.Payload, err = json.Marshal(b); err != nil {
		return nil, err
	}
	f.Signature = ed25519.Sign(key, f.Payload)
	return json.Marshal(f)
}

// open verifies a fact and returns what it says.
func open(key ed25519.PublicKey, raw []byte, kind string) (b body, err error) {
	var f fact
	if err := json.Unmarshal(raw, &f); err != nil {
		return b, fmt.Errorf("read a fact: %w", err)
	}
	if !ed25519.Verify(key, f.Payload, f.Signature) {
		return b, errors.New("a signature does not verify")
	}
	if err := json.Unmarshal(f.Payload, &b); err != nil {
		return b, fmt.Errorf("read a body: %w", err)
	}
	if b.Kind != kind && kind != "" {
		return b, fmt.Errorf("a %s where a %s was awaited", b.Kind, kind)
	}
	return b, nil
}

// keyOf returns the key of a party, which all know: it is a benchmark.
func keyOf(party string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, party)
	return ed25519.NewKeyFromSeed(seed)
}

func publicOf(party string) ed25519.PublicKey { return keyOf(party).Public().(ed25519.PublicKey) }

const (
	wallets  = 64
	merchant = "m/cafe"
	server   = "registry"
)

func wallet(i int) string { return fmt.Sprintf("w/%d", i) }
func codeOf(i int) string { return fmt.Sprintf("code-%d", i) }
