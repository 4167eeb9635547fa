package paysync

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// keyring holds the working keys for which the pinned root signed an authority.
// It grows with the authorities in the feed, so that a feed can be read across a
// change of the working key.
type keyring struct {
	root pay.NodeID
	keys map[pay.NodeID]pay.PublicKey
}

func newKeyring(root pay.NodeID) keyring {
	return keyring{root: root, keys: map[pay.NodeID]pay.PublicKey{}}
}

// add adds the working key of an authority that root signed. Its errors are those
// of pay.OpenAuthority.
func (k keyring) add(raw []byte) (pay.Authority, error) {
	a, err := pay.OpenAuthority(raw, k.root)
	if err != nil {
		return pay.Authority{}, err
	}
	k.keys[a.Working.ID()] = a.Working
	return a, nil
}

// open parses one feed entry and verifies it: an authority against the root, any
// other fact against a working key. Its errors are those of pay.Parse and
// pay.OpenAuthority, and ones that wrap pay.ErrSignature.
func (k keyring) open(raw []byte) (pay.Fact, error) {
	f, err := pay.Parse(raw)
	if err != nil {
		return pay.Fact{}, err
	}
	if f.Kind() == pay.KindAuthority {
		_, err := k.add(raw)
		return f, err
	}
	key, ok := k.keys[f.Signer()]
	if !ok {
		return pay.Fact{}, fmt.Errorf("verify %s: no authority names key %s: %w", f.Kind(), f.Signer().Short(), pay.ErrSignature)
	}
	return f, f.Verify(key)
}
