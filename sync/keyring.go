package paysync

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// verifyEach is how many signatures another goroutine is worth. Chosen: they take far
// longer than to start it.
const verifyEach = 8

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
	f, verify, err := k.parse(raw)
	if err != nil {
		return pay.Fact{}, err
	}
	return f, verify()
}

// parse is open up to the signature, which verify verifies; it may be called by
// another goroutine.
func (k keyring) parse(raw []byte) (f pay.Fact, verify func() error, err error) {
	if f, err = pay.Parse(raw); err != nil {
		return pay.Fact{}, nil, err
	}
	if f.Kind() == pay.KindAuthority {
		_, err := k.add(raw)
		return f, func() error { return nil }, err
	}
	key, ok := k.keys[f.Signer()]
	if !ok {
		return pay.Fact{}, nil, fmt.Errorf("verify %s: no authority names key %s: %w", f.Kind(), f.Signer().Short(), pay.ErrSignature)
	}
	return f, func() error { return f.Verify(key) }, nil
}

// openAll opens the entries of one message, on as many processors as there are. When
// one is wrong it returns the number of those before it that are right, with the error
// of open.
func (k keyring) openAll(raws [][]byte) (facts []pay.Fact, right int, err error) {
	facts = make([]pay.Fact, 0, len(raws))
	verify := make([]func() error, 0, len(raws))
	for _, raw := range raws {
		f, v, wrong := k.parse(raw)
		if err = wrong; err != nil {
			break
		}
		facts, verify = append(facts, f), append(verify, v)
	}
	workers := min(runtime.GOMAXPROCS(0), len(verify)/verifyEach)
	if workers < 2 {
		workers = 1
	}
	wrong := make([]int, workers) // where each worker's part stopped
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		part := func() {
			at := w * len(verify) / workers
			for end := (w + 1) * len(verify) / workers; at < end && errs[w] == nil; at++ {
				errs[w] = verify[at]()
			}
			wrong[w] = at - 1
		}
		if w == workers-1 {
			part()
		} else {
			all.Go(part)
		}
	}
	all.Wait()
	for w, e := range errs {
		if e != nil {
			return nil, wrong[w], e
		}
	}
	return facts, len(facts), err
}
