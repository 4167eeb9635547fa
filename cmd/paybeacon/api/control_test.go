package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// What a verb does not know may be what the caller relies on: a charge that was
// meant to hold an amount must not capture it.
func TestControlRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	var got []ChargeRequest
	h := NewHandler(NewVerbs(On(VerbCharge, func(_ context.Context, q ChargeRequest) (Payment, error) {
		got = append(got, q)
		return Payment{}, nil
	})))
	for _, tc := range []struct {
		name, body, header string
		status             int
		key                pay.IdempotencyKey
	}{
		{"known fields", `{"amount":"1.00","key":"a"}`, "", http.StatusOK, "a"},
		{"key in the header", `{"amount":"1.00"}`, "b", http.StatusOK, "b"},
		{"the same key twice", `{"amount":"1.00","key":"c"}`, "c", http.StatusOK, "c"},
		{"two keys", `{"amount":"1.00","key":"a"}`, "b", http.StatusBadRequest, ""},
		{"unknown field", `{"amount":"1.00","key":"a","capture":"manual"}`, "", http.StatusBadRequest, ""},
		{"a field in another case", `{"amount":"1.00","key":"a","Two_Channel":true}`, "", http.StatusBadRequest, ""},
		{"the same field in two cases", `{"amount":"1.00","Amount":"2.00","key":"a"}`, "", http.StatusBadRequest, ""},
		{"a field twice", `{"amount":"1.00","amount":"2.00","key":"a"}`, "", http.StatusBadRequest, ""},
		{"a blank key", `{"amount":"1.00","key":"  "}`, "", http.StatusBadRequest, ""},
		{"no object", `null`, "", http.StatusBadRequest, ""},
		{"half an object", `{"amount":"1.00"`, "", http.StatusBadRequest, ""},
		{"no UTF-8", "{\"amount\":\"1.00\",\"ref\":\"\xff\"}", "", http.StatusBadRequest, ""},
		{"a text that turns", `{"amount":"1.00","ref":"a\u202eb"}`, "", http.StatusBadRequest, ""},
		{"a text with a no-break space", `{"amount":"1.00","ref":"a\u00a0b","key":"d"}`, "", http.StatusOK, "d"},
		{"two objects", `{"amount":"1.00","key":"a"}{"amount":"2.00"}`, "", http.StatusBadRequest, ""},
	} {
		got = nil
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/charge", strings.NewReader(tc.body))
		if tc.header != "" {
			r.Header.Set("Idempotency-Key", tc.header)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.status || (len(got) == 1) != (tc.status == http.StatusOK) {
			t.Errorf("%s: status %d, %d charges", tc.name, w.Code, len(got))
		}
		if len(got) == 1 && got[0].Key != tc.key {
			t.Errorf("%s: key is %q", tc.name, got[0].Key)
		}
	}
}
