package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// statuses is the HTTP status of every error code. What says how a payment
// stands is an answer and no error, and has 200.
const statuses = `
200  E_NOT_PAID E_UNKNOWN E_WAIT_PASSED
400  E_CARD_NUMBER E_USAGE E_AMOUNT E_CURRENCY E_NOT_AVAILABLE E_BAD_FACT
403  E_NOT_ENROLLED E_NOT_ALLOWED E_NOT_TRUSTED E_INVITE E_PIN E_OLD_COPY
404  E_NOT_FOUND
409  E_CONFLICT E_FUNDS E_ALREADY_DECIDED E_BOUND E_RUNNING E_NOBODY_NEAR E_AMBIGUOUS E_LEFT
422  E_KEY_USED
426  E_UPGRADE
429  E_TOO_MANY
500  E_PARTLY E_FAILED E_CONFIG E_NEWER_DATA
503  E_NO_MEMORY E_UNREACHABLE E_NOT_RUNNING E_DEVICE E_RADIO E_IN_USE E_CLOCK
507  E_NO_SPACE
`

func TestStatusOfEveryCode(t *testing.T) {
	t.Parallel()
	want := map[pay.ErrorCode]int{}
	for line := range strings.Lines(strings.TrimSpace(statuses)) {
		f := strings.Fields(line)
		n, err := strconv.Atoi(f[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f[1:] {
			want[pay.ErrorCode(c)] = n
		}
	}
	declared := declaredCodes(t)
	for _, c := range declared {
		if got := pay.InfoOf(c).HTTP; got != want[c] {
			t.Errorf("%s: status %d, want %d", c, got, want[c])
		}
		if status := statusOf(c, nil); status < http.StatusBadRequest {
			t.Errorf("%s: an error object has status %d", c, status)
		}
	}
	if len(declared) != len(want) {
		t.Errorf("%d codes are declared, the table has %d", len(declared), len(want))
	}
	if got := pay.InfoOf("E_SOMETHING_NEW"); got != pay.InfoOf(pay.CodeFailed) {
		t.Errorf("an unknown code has %+v", got)
	}
}

// declaredCodes reads the codes from the source, so that a new one cannot be left
// out of the table.
func declaredCodes(t *testing.T) (codes []pay.ErrorCode) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../../pay/error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "ErrorCode" {
			return true
		}
		for _, v := range spec.Values {
			s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, pay.ErrorCode(s))
		}
		return true
	})
	return codes
}

// TestErrorsCrossTheSocket: what a verb refuses with is what its caller gets.
func TestErrorsCrossTheSocket(t *testing.T) {
	t.Parallel()
	refused := WithExtra(WithExtra(pay.NewError(pay.CodeAmbiguous, "two are near", "name one"), "key", "k"), "candidates", []Candidate{{Handle: "amber-otter", RSSI: -50}})
	w := httptest.NewRecorder()
	refuse(w, fmt.Errorf("charge: %w", refused))
	if w.Code != http.StatusConflict || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("status %d, %s", w.Code, w.Header().Get("Content-Type"))
	}
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	back := Describe(p.Err())
	if back.Code != pay.CodeAmbiguous || back.Exit != pay.ExitNotPaid || back.Message != "charge: two are near" || back.Hint != "name one" {
		t.Errorf("it came as %+v", back)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	var printed, sent map[string]any
	if err := errors.Join(json.Unmarshal(again, &printed), json.Unmarshal(w.Body.Bytes(), &sent)); err != nil || !reflect.DeepEqual(printed, sent) {
		t.Errorf("printed as %s (%v), sent as %s", again, err, w.Body)
	}
	if back.Extra["key"] != "k" || len(back.Extra) != 2 {
		t.Errorf("its extra fields are %v", back.Extra)
	}
}

func TestTooLargeARequest(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/charge", strings.NewReader(strings.Repeat(" ", bodyBytesMax+1)))
	w := httptest.NewRecorder()
	NewHandler(NewVerbs(On(VerbCharge, nil))).ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", w.Code)
	}
}
