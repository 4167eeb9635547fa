package face

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// TestNoCellOfAReportIsAFormula: what somebody wrote into a payment runs in no spreadsheet,
// one that splits lines at semicolons either, and is read back whole by a program.
func TestNoCellOfAReportIsAFormula(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"":                   "",
		"table 4":            "table 4",
		"a=b+c-d@e":          "a=b+c-d@e",
		"=1+1":               "'=1+1",
		"+49 30":             "'+49 30",
		"-2":                 "'-2",
		"@SUM(A1)":           "'@SUM(A1)",
		" =1+1":              " '=1+1",
		"＝1+1":               "'＝1+1",
		"＠x":                 "'＠x",
		"tea;=cmd|'/c x'!A1": "tea;'=cmd|'/c x'!A1",
		"tea; +1;-2":         "tea; '+1;'-2",
		`"=1"`:               `"=1"`,
		"a,=1":               "a,=1", // quoted
	} {
		var out bytes.Buffer
		printReportCSV(&out, api.Report{Day: "2026-11-28", Currency: "EUR", Lines: []api.ReportLine{{What: "capture", Amount: 100, Ref: ref}}})
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 4 || len(rows[2]) != 12 {
			t.Fatalf("%q: %d rows, %v", ref, len(rows), err)
		}
		if got := rows[2][9]; got != want {
			t.Errorf("%q is written as %q, want %q", ref, got, want)
		}
	}
}

// TestAmountsOfAReportAreThoseOfTheScreens: the same digits in every currency, without a
// sign for thousands, and from the first line to the last they add up.
func TestAmountsOfAReportAreThoseOfTheScreens(t *testing.T) {
	t.Parallel()
	for currency, want := range map[pay.Currency]string{"EUR": "12345.67", "JPY": "1234567", "KRW": "1234567", "KWD": "1234.567"} {
		var out bytes.Buffer
		printReportCSV(&out, api.Report{Currency: currency, Opening: 0, Captured: 1_234_567, Refunded: 1_234_567, Lines: []api.ReportLine{
			{What: "capture", Amount: 1_234_567}, {What: "refund", Amount: -1_234_567},
		}})
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 5 {
			t.Fatalf("%s: %d rows, %v", currency, len(rows), err)
		}
		if rows[2][3] != want || rows[3][3] != "-"+want || !strings.Contains(text.FormatMoney(1_234_567, currency), want) {
			t.Errorf("%s: %q and %q, the screens say %q", currency, rows[2][3], rows[3][3], text.FormatMoney(1_234_567, currency))
		}
	}
}
