package paysync

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/sigbatch"
)

// TestEntriesOpenTogetherAsOneByOne: which entry is the first wrong one does not depend
// on whether their signatures are verified together.
func TestEntriesOpenTogetherAsOneByOne(t *testing.T) {
	t.Parallel()
	key := func(seed byte) pay.Key {
		k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	working, stranger := key(1), key(2)
	keys := keyring{keys: map[pay.NodeID]pay.PublicKey{working.Public().ID(): working.Public()}}
	const count = sigbatch.Least + 4
	raws := make([][]byte, count)
	for i := range raws {
		f, err := pay.Sign(working, pay.Refusal{Claim: pay.FactID{byte(i)}, Reason: pay.ReasonNoAnswer, At: 1})
		if err != nil {
			t.Fatal(err)
		}
		raws[i] = f.Raw()
	}
	foreign, err := pay.Sign(stranger, pay.Refusal{Claim: pay.FactID{1}, Reason: pay.ReasonNoAnswer, At: 1})
	if err != nil {
		t.Fatal(err)
	}
	forged := func(raw []byte) []byte {
		raw = bytes.Clone(raw)
		raw[len(raw)-1] ^= 1 // the end of the signature
		return raw
	}
	for _, n := range []int{0, 1, 2, sigbatch.Least - 1, sigbatch.Least, count} {
		for _, bad := range []int{0, 1, 7, sigbatch.Least - 2, sigbatch.Least - 1, sigbatch.Least, count} { // n and above: none
			some := slices.Clone(raws[:n])
			want := n
			if bad < n {
				some[bad] = forged(some[bad])
				want = bad
			}
			if later := bad + 3; later < n {
				some[later] = [][]byte{foreign.Raw(), {0xff}, forged(raws[later])}[n%3]
			}
			facts, right, err := keys.openAll(some)
			if right != want || (err == nil) != (bad >= n) || err == nil && len(facts) != n {
				t.Fatalf("%d entries, number %d is wrong: %d are right, %v", n, bad, right, err)
			}
			if bad < n && !errors.Is(err, pay.ErrSignature) {
				t.Fatalf("%d entries, number %d is forged: %v", n, bad, err)
			}
		}
	}
}

func TestWhatWaitsToBeMirroredIsStoredTogether(t *testing.T) {
	t.Parallel()
	mirror := func(from, entries, acked uint64) MirrorEntries {
		return MirrorEntries{From: pay.Cursor{Seq: from}, Facts: make([]pay.Fact, entries), Ack: pay.Acked{N: acked}, Later: true}
	}
	show := func(effects []Effect) (out string) {
		for _, effect := range effects {
			switch e := effect.(type) {
			case MirrorEntries:
				out += fmt.Sprintf("mirror %d+%d acked %d, ", e.From.Seq, len(e.Facts), e.Ack.N)
			case NoteAck:
				out += fmt.Sprintf("acked %d, ", e.N)
			}
		}
		return out
	}
	for want, waiting := range map[string][]Effect{
		"":                     nil,
		"mirror 0+3 acked 0, ": {mirror(0, 3, 0)},
		"mirror 0+6 acked 7, ": {mirror(0, 1, 0), mirror(1, 2, 7), mirror(3, 3, 0)},
		"mirror 0+2 acked 0, acked 4, mirror 2+2 acked 9, ": {mirror(0, 1, 0), mirror(1, 1, 0), NoteAck{pay.Acked{N: 4}}, mirror(2, 1, 8), mirror(3, 1, 9)},
	} {
		if got := show(together(waiting)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
