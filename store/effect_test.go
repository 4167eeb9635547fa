package store_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// effect is one on payment n.
func effect(n int, body string) pay.Effect {
	return pay.Effect{Kind: "acquirer", Subject: payment(n).Subject(), Body: []byte(body)}
}

func finish(t testing.TB, s *store.Store, n uint64, result string) (first bool) {
	t.Helper()
	first, err := s.Finish(t.Context(), n, []byte(result))
	if err != nil {
		t.Fatal(err)
	}
	return first
}
