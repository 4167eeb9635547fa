package api_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
)

// Events of all kinds are read as they were written, also where fields of two
// kinds have one name.
func TestEventsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		event api.Event
		json  string
	}{
		"payment": {
			api.Event{V: 1, Type: "event", Cursor: "1.00000000.0", At: "2026-11-28T12:00:00.000Z", Kind: api.EventPayment, PaymentEvent: &api.PaymentEvent{ID: "ab", Merchant: "cafe", Amount: 5}},
			`{"v":1,"type":"event","cursor":"1.00000000.0","at":"2026-11-28T12:00:00.000Z","kind":"payment","id":"ab","state":"","outcome":"","safe_to_retry":false,"amount":5,"currency":"","merchant":"cafe","site":"","payer":"","ref":"","by":"","reason":"","seq":0,"test":false}`,
		},
		"device": {
			api.Event{Kind: api.EventDevice, DeviceEvent: &api.DeviceEvent{Wallet: "cd", DeviceState: "active"}},
			`{"v":0,"type":"","cursor":"","at":"","kind":"device","wallet":"cd","device_state":"active"}`,
		},
		"radio": {
			api.Event{Kind: api.EventRadio, RadioEvent: &api.RadioEvent{Radio: "ok", AdvertsPerSecond: 1.5}},
			`{"v":0,"type":"","cursor":"","at":"","kind":"radio","radio":"ok","radio_why":"","adverts_per_second":1.5,"adverts_lost":0}`,
		},
		"node": {
			api.Event{Kind: api.EventNode, NodeEvent: &api.NodeEvent{Node: "ef", Role: "box", Scope: "m/x", Name: "till", Merchant: "cafe", Site: "bar", Revoked: true}},
			`{"v":0,"type":"","cursor":"","at":"","kind":"node","node":"ef","role":"box","scope":"m/x","name":"till","merchant":"cafe","site":"bar","revoked":true}`,
		},
		"topup": {
			api.Event{Kind: api.EventTopUp, TopUpEvent: &api.TopUpEvent{Wallet: "w/x", Amount: 7, Currency: "EUR", Key: "k"}},
			`{"v":0,"type":"","cursor":"","at":"","kind":"topup","wallet":"w/x","amount":7,"currency":"EUR","key":"k"}`,
		},
		"unknown": {api.Event{Kind: "comet"}, `{"v":0,"type":"","cursor":"","at":"","kind":"comet"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := json.Marshal(tc.event)
			if err != nil || string(raw) != tc.json {
				t.Errorf("written as %s, %v", raw, err)
			}
			var back api.Event
			if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(back, tc.event) {
				t.Errorf("read as %+v, %v", back, err)
			}
		})
	}
	var e api.Event
	if err := json.Unmarshal([]byte(`{"kind":"comet","tail":3}`), &e); err != nil || e.Kind != "comet" {
		t.Errorf("an unknown kind: %+v, %v", e, err)
	}
}
