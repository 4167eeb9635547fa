package face

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// TestProgressInWords has how far an audit is, in one line of a terminal.
func TestProgressInWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		p     api.Progress
		taken time.Duration
		want  string
	}{
		{api.Progress{Stage: "tables"}, 0, "audit   0 %, tables"},
		{api.Progress{Stage: "store", Share: 0.01}, time.Minute, "audit   1 %, store"}, // too early to guess
		{api.Progress{Stage: "store", Share: 0.25}, 10 * time.Second, "audit  25 %, store, 30 s left"},
		{api.Progress{Stage: "payments", Share: 0.75, Payments: 12}, 5 * time.Minute, "audit  75 %, 12 payments, about 2 min left"},
		{api.Progress{Stage: "payments", Share: 0.75, Payments: 1, Findings: 2}, 9 * time.Hour, "audit  75 %, 1 payment, 2 findings, about 3 h left"},
		{api.Progress{Stage: "payments", Share: 1, Payments: 3}, time.Hour, "audit 100 %, 3 payments"},
		{api.Progress{Stage: strings.Repeat("ä\x1b", 80), Share: 0.5}, 0, ""},
	} {
		got := progressWords(tc.p, tc.taken)
		if (got != tc.want && tc.want != "") || utf8.RuneCountInString(got) > 79 || !utf8.ValidString(got) || strings.Contains(got, "\x1b") {
			t.Errorf("%+v after %v: %q, want %q", tc.p, tc.taken, got, tc.want)
		}
	}
}

// TestProgressLineIsOverwritten: each note stands in the place of the one before,
// and nothing is left of the last.
func TestProgressLineIsOverwritten(t *testing.T) {
	t.Parallel()
	var terminal bytes.Buffer
	line := newProgressLine(&terminal, func() time.Time { return time.Time{} })
	for _, p := range []api.Progress{api.NewProgress("payments", 0.5), api.NewProgress("x", 0.75)} {
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		line.note(raw)
	}
	line.note(json.RawMessage(`{"type":"finding","finding":"x"}`))
	line.clear()
	want := "\raudit  50 %, payments" + "\raudit  75 %, x       " + "\r              " + "\r"
	if got := terminal.String(); got != want {
		t.Errorf("the terminal got %q, want %q", got, want)
	}
	if cli.IsTerminal(&terminal) {
		t.Error("a buffer is taken for a terminal")
	}
}

// TestAuditInWordsNamesWhatIsNotFinished apart from findings.
func TestAuditInWordsNamesWhatIsNotFinished(t *testing.T) {
	t.Parallel()
	var words bytes.Buffer
	printAudit(&words, api.Audit{OK: true, Payments: 1, AsideCount: 3, Aside: []api.Aside{{
		ID: "ab12", Kind: "payment", Due: "2025-01-01T12:00:00.000Z", Tries: 1, Error: "x", State: pay.StateOffered, Amount: 104, Currency: "EUR", Merchant: "Cafe",
	}}})
	for _, part := range []string{"The books are right", "Not finished, which is no finding: 3 subjects are set aside.", "ab12 over 1.04 EUR at Cafe", "and 2 more", "paybeacon admin retry"} {
		if !strings.Contains(words.String(), part) {
			t.Errorf("the audit does not say %q:\n%s", part, words.String())
		}
	}
}
