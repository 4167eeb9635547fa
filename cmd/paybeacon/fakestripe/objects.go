package fakestripe

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Intent is a PaymentIntent, with the fields that a client by hand reads.
type Intent struct {
	ID               string            `json:"id"`
	Object           string            `json:"object"`
	Amount           int64             `json:"amount"`
	AmountCapturable int64             `json:"amount_capturable"`
	AmountReceived   int64             `json:"amount_received"`
	CaptureMethod    string            `json:"capture_method"`
	Created          int64             `json:"created"`
	Currency         string            `json:"currency"`
	Customer         *string           `json:"customer"`
	LastPaymentError *failure          `json:"last_payment_error"`
	LatestCharge     *string           `json:"latest_charge"`
	Livemode         bool              `json:"livemode"`
	Metadata         map[string]string `json:"metadata"`
	Status           string            `json:"status"`

	refunded int64
}

// Refund is a Refund.
type Refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent string            `json:"payment_intent"`
	Status        string            `json:"status"`

	settles int64
}

// cards are Stripe's test cards, by their PaymentMethods, and how they decline.
var cards = map[string]string{
	"pm_card_visa": "", "pm_card_mastercard": "",
	"pm_card_visa_chargeDeclined":                  "generic_decline",
	"pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
	"pm_card_visa_chargeDeclinedLostCard":          "lost_card",
	"pm_card_chargeDeclinedExpiredCard":            "expired_card",
	"pm_card_authenticationRequired":               "authentication_required",
}

// The bounds of an amount.
const (
	amountMin = 50
	amountMax = 99_999_999
)

// whole are the currencies without a minor unit, in which little is enough.
var whole = []string{"jpy", "krw"}

func metadata(form url.Values) map[string]string {
	m := map[string]string{}
	for name := range form {
		if key, ok := strings.CutPrefix(name, "metadata["); ok {
			m[strings.TrimSuffix(key, "]")] = form.Get(name)
		}
	}
	return m
}

// thousandths are the currencies of three decimals, in which Stripe takes only amounts
// whose last digit is 0 (docs.stripe.com/currencies, "Three-decimal currencies"). It
// publishes no error code for other amounts.
var thousandths = []string{"bhd", "jod", "kwd", "omr", "tnd"}

// amountOf returns an amount of a form, in minor units of a currency.
func amountOf(form url.Values, name, currency string) (int64, *failure) {
	n, err := strconv.ParseInt(form.Get(name), 10, 64)
	switch {
	case err != nil || n < 1:
		return 0, invalid("parameter_invalid_integer", name, "Invalid integer: "+form.Get(name))
	case n%10 != 0 && slices.Contains(thousandths, currency):
		return 0, invalid("", name, "The last digit of an amount of this currency must be 0")
	}
	return n, nil
}

// create makes a PaymentIntent and confirms it.
func (s *Server) create(form url.Values) (any, *failure) {
	currency, method := form.Get("currency"), form.Get("payment_method")
	amount, fail := amountOf(form, "amount", currency)
	if fail != nil {
		return nil, fail
	}
	decline, known := cards[method]
	switch {
	case form.Get("capture_method") != "manual" || form.Get("confirm") != "true":
		return nil, invalid("parameter_invalid", "capture_method", "this account takes manual captures, confirmed at once")
	case amount > amountMax:
		return nil, invalid("amount_too_large", "amount", "Amount must be no more than 99,999,999")
	case amount < amountMin && !slices.Contains(whole, currency):
		return nil, invalid("amount_too_small", "amount", "Amount must be at least 50 cents")
	case !known:
		return nil, &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "resource_missing", Param: "payment_method",
			Message: "No such PaymentMethod", invalid: true}
	}
	pi := &Intent{
		ID: fmt.Sprintf("pi_%04d", len(s.intents)+1), Object: "payment_intent", Amount: amount, CaptureMethod: "manual",
		Created: s.now.Unix(), Currency: currency, Metadata: metadata(form),
	}
	if c := form.Get("customer"); c != "" {
		pi.Customer = &c
	}
	s.intents = append(s.intents, pi)
	if decline != "" {
		return nil, s.decline(pi, decline)
	}
	charge := "ch_" + pi.ID[3:]
	pi.Status, pi.AmountCapturable, pi.LatestCharge = "requires_capture", amount, &charge
	return *pi, nil
}

// decline has the card of a PaymentIntent say no.
func (s *Server) decline(pi *Intent, code string) *failure {
	pi.Status = "requires_payment_method"
	f := failure{Status: http.StatusPaymentRequired, Type: "card_error", Code: "card_declined", DeclineCode: code, Message: "Your card was declined."}
	if code == "expired_card" || code == "authentication_required" {
		f.Code = code
	}
	last := f
	pi.LastPaymentError = &last
	shown := *pi
	f.Intent = &shown
	return &f
}

// intent returns a PaymentIntent, or the error that there is none.
func (s *Server) intent(id string) (*Intent, *failure) {
	for _, pi := range s.intents {
		if pi.ID == id {
			return pi, nil
		}
	}
	return nil, &failure{Status: http.StatusNotFound, Type: "invalid_request_error", Code: "resource_missing", Param: "intent",
		Message: "No such payment_intent", invalid: true}
}

func unexpected(pi *Intent) *failure {
	shown := *pi
	return &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "payment_intent_unexpected_state",
		Message: "This PaymentIntent has a status of " + pi.Status, Intent: &shown}
}

func (s *Server) capture(id string, form url.Values) (any, *failure) {
	pi, fail := s.intent(id)
	if fail != nil {
		return nil, fail
	}
	amount, fail := amountOf(form, "amount_to_capture", pi.Currency)
	switch {
	case fail != nil:
		return nil, fail
	case pi.Status != "requires_capture":
		return nil, unexpected(pi)
	case amount > pi.AmountCapturable:
		return nil, &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "amount_too_large", Param: "amount_to_capture",
			Message: "The amount to capture is more than what can be captured"}
	}
	for k, v := range metadata(form) {
		pi.Metadata[k] = v
	}
	pi.Status, pi.AmountReceived, pi.AmountCapturable = "succeeded", amount, 0
	return *pi, nil
}

func (s *Server) cancel(id string) (any, *failure) {
	pi, fail := s.intent(id)
	switch {
	case fail != nil:
		return nil, fail
	case pi.Status == "succeeded" || pi.Status == "canceled":
		return nil, unexpected(pi)
	}
	pi.Status, pi.AmountCapturable = "canceled", 0
	return *pi, nil
}

func (s *Server) refund(form url.Values, pending bool) (any, *failure) {
	pi, fail := s.intent(form.Get("payment_intent"))
	if fail != nil {
		return nil, fail
	}
	amount, fail := amountOf(form, "amount", pi.Currency)
	switch {
	case fail != nil:
		return nil, fail
	case pi.Status != "succeeded":
		return nil, &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: "payment_intent",
			Message: "This PaymentIntent does not have a successful charge to refund."}
	case pi.refunded == pi.AmountReceived:
		return nil, &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: "charge_already_refunded", Message: "Charge has already been refunded."}
	case amount > pi.AmountReceived-pi.refunded:
		return nil, &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Param: "amount",
			Message: "Refund amount is greater than unrefunded amount on charge"}
	}
	pi.refunded += amount
	r := &Refund{
		ID: fmt.Sprintf("re_%04d", len(s.refunds)+1), Object: "refund", Amount: amount, Created: s.now.Unix(), Currency: pi.Currency,
		Metadata: metadata(form), PaymentIntent: pi.ID, Status: "succeeded",
	}
	if pending {
		r.Status, r.settles = "pending", s.now.Add(pendingFor).Unix()
	}
	s.refunds = append(s.refunds, r)
	return *r, nil
}

// pendingFor is how long a refund is pending that does not succeed at once.
const pendingFor = time.Hour

// read answers a request that only reads.
func (s *Server) read(r *http.Request) (status int, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refunds {
		if r.Status == "pending" && s.now.Unix() >= r.settles {
			r.Status = "succeeded"
		}
	}
	q := r.URL.Query()
	id, one := strings.CutPrefix(r.URL.Path, "/v1/payment_intents/")
	switch {
	case one:
		pi, fail := s.intent(id)
		if fail != nil {
			return fail.Status, failed(fail)
		}
		return http.StatusOK, encode(*pi)
	case r.URL.Path == "/v1/payment_intents":
		since, _ := strconv.ParseInt(q.Get("created[gte]"), 10, 64)
		return page(q, r.URL.Path, s.intents, func(pi *Intent) (string, bool) {
			customer := q.Get("customer")
			return pi.ID, pi.Created >= since && (customer == "" || (pi.Customer != nil && *pi.Customer == customer))
		})
	case r.URL.Path == "/v1/refunds":
		if _, fail := s.intent(q.Get("payment_intent")); fail != nil {
			return fail.Status, failed(fail)
		}
		return page(q, r.URL.Path, s.refunds, func(r *Refund) (string, bool) { return r.ID, r.PaymentIntent == q.Get("payment_intent") })
	default:
		return http.StatusNotFound, failed(&failure{Type: "invalid_request_error", Message: "Unrecognized request URL"})
	}
}

// page returns a page of a list, newest first.
func page[T any](q url.Values, path string, all []T, keep func(T) (id string, ok bool)) (status int, body []byte) {
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = 10
	}
	list := struct {
		Object  string `json:"object"`
		URL     string `json:"url"`
		HasMore bool   `json:"has_more"`
		Data    []T    `json:"data"`
	}{Object: "list", URL: path, Data: []T{}}
	after := q.Get("starting_after")
	for _, item := range slices.Backward(all) {
		id, ok := keep(item)
		switch {
		case after != "":
			if id == after {
				after = ""
			}
		case !ok:
		case len(list.Data) == limit:
			list.HasMore = true
			return http.StatusOK, encode(list)
		default:
			list.Data = append(list.Data, item)
		}
	}
	return http.StatusOK, encode(list)
}
