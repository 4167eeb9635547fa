package sigbatch_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/pay/sigbatch"
)

// BenchmarkVerify prints microseconds a signature, of facts of common size by four
// keys, beside crypto/ed25519.
func BenchmarkVerify(b *testing.B) {
	var all []sigbatch.Signature
	for i := range 4 * sigbatch.Size {
		all = append(all, signed(byte(i%4), fmt.Sprintf("%0400d", i)))
	}
	b.Run("alone", func(b *testing.B) {
		for i := range b.N {
			s := all[i%len(all)]
			if !ed25519.Verify(s.Key[:], s.Message, s.Sig) {
				b.Fatal("a good signature does not verify")
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "us/signature")
	})
	for _, n := range []int{8, 64, sigbatch.Least, 128, 160, 256, sigbatch.Size, 2 * sigbatch.Size, 4 * sigbatch.Size} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := sigbatch.New(rand.Reader, nil)
			for range b.N {
				if wrong := sigbatch.Together(v, all[:n]); wrong != nil {
					b.Fatal(wrong)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "us/signature")
		})
	}
}
