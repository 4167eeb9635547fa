package face

import (
	"bytes"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// TestAuditInWordsNamesTheMoney has an audit find what findings name: ids as they
// are in the store, and behind them the money and the reason. None of it is cut.
func TestAuditInWordsNamesTheMoney(t *testing.T) {
	t.Parallel()
	id := pay.PaymentID{0xCD}.String()
	aside := node.AsideSentence(api.Aside{
		ID: id, Kind: "payment", Due: "2025-01-01T12:00:00.000Z", Tries: 12, Error: "react: expire: the account of the payer is missing",
		State: pay.StateOffered, Amount: 104, Currency: "EUR", Merchant: "The Corner Cafe at the Far End of the Campus",
	})
	var words bytes.Buffer
	printAudit(&words, api.Audit{OK: true, Payments: 1, Findings: []string{aside, "a stranger\x1b[2J"}})
	want := "The books are right: 1 payment, imbalance 0, duplicates 0.\n  " + aside + "\n  a stranger\uFFFD[2J\n"
	if got := words.String(); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	for _, part := range []string{id, "1.04 EUR", "account of the payer is missing"} {
		if !strings.Contains(words.String(), part) {
			t.Errorf("the audit does not say %q: %s", part, words.String())
		}
	}
}
