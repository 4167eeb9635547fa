package paysync

import (
	"crypto/rand"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/sigbatch"
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

// parse parses one feed entry and returns the key that must have signed it; an authority
// is verified against the root. Its errors are those of pay.Parse and pay.OpenAuthority,
// and ones that wrap pay.ErrSignature.
func (k keyring) parse(raw []byte) (f pay.Fact, key pay.PublicKey, err error) {
	if f, err = pay.Parse(raw); err != nil {
		return pay.Fact{}, key, err
	}
	if f.Kind() == pay.KindAuthority {
		_, err := k.add(raw)
		return f, key, err
	}
	key, ok := k.keys[f.Signer()]
	if !ok {
		return pay.Fact{}, key, fmt.Errorf("verify %s: no authority names key %s: %w", f.Kind(), f.Signer().Short(), pay.ErrSignature)
	}
	return f, key, nil
}

// openAll opens the entries of one message. When one is wrong it returns the number of
// those before it that are right, with its error: one of parse or of Fact.Verify.
func (k keyring) openAll(raws [][]byte) (facts []pay.Fact, right int, err error) {
	facts = make([]pay.Fact, 0, len(raws))
	var unverified []signedFact
	for _, raw := range raws {
		f, key, wrong := k.parse(raw)
		if err = wrong; err != nil {
			break
		}
		if f.Kind() != pay.KindAuthority {
			unverified = append(unverified, signedFact{f, key, len(facts)})
		}
		facts = append(facts, f)
	}
	if at, wrong := verifyAll(unverified); wrong != nil {
		return nil, at, wrong
	}
	return facts, len(facts), err
}

// signedFact is a fact that key must have signed; at is how many facts stand before it
// in its message.
type signedFact struct {
	pay.Fact
	key pay.PublicKey
	at  int
}

// verifyAll verifies the signatures of one message. It returns where the first wrong
// one stands, with the error of Fact.Verify. Many are verified together, which costs a
// node that catches up half as much.
func verifyAll(all []signedFact) (at int, err error) {
	if len(all) >= sigbatch.Least && rightTogether(all) {
		return 0, nil
	}
	for _, f := range all {
		if err := f.Verify(f.key); err != nil {
			return f.at, err
		}
	}
	return 0, nil
}

func rightTogether(all []signedFact) bool {
	signatures := make([]sigbatch.Signature, len(all))
	for i, f := range all {
		if f.key.ID() != f.Signer() {
			return false
		}
		message, sig := f.Signed()
		signatures[i] = sigbatch.Signature{Key: f.key, Message: message, Sig: sig}
	}
	return len(sigbatch.New(rand.Reader, nil).Wrong(signatures)) == 0
}

// openSigned parses a fact that key must have signed.
func openSigned(raw []byte, key pay.PublicKey) (pay.Fact, error) {
	f, err := pay.Parse(raw)
	if err == nil {
		err = f.Verify(key)
	}
	return f, err
}
