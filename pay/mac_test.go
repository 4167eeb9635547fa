package pay_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestMACIsThatOfTheLibrary compares all lengths of keys, and of messages on both
// sides of what needs no memory.
func TestMACIsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	text := bytes.Repeat([]byte("What is signed, stored and sent. "), 20)
	for key := range 65 {
		for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 191, 192, 193, 600} {
			h := hmac.New(sha256.New, text[7:7+key])
			h.Write(text[:n])
			if got := pay.MAC(text[7:7+key], text[:n]); !bytes.Equal(got[:], h.Sum(nil)) {
				t.Fatalf("key of %d bytes, message of %d: %x", key, n, got)
			}
		}
	}
}

func TestShortMACsCostNothing(t *testing.T) { //nolint:paralleltest // it counts what is allocated
	key, message := make([]byte, 32), make([]byte, 100)
	if n := testing.AllocsPerRun(10, func() { pay.MAC(key, message) }); n != 0 {
		t.Errorf("a short message costs %v allocations", n)
	}
}
