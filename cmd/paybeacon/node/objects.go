package node

import (
	"cmp"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// Here the domain's values become the contract's objects.

func paymentOfTill(e till.Entry) api.Payment {
	p := paymentOf(e.View)
	p.Key = e.Key
	if !e.Conflict.IsZero() {
		p.ConflictsWith, p.SafeToRetry = e.Conflict.String(), false
	}
	if a := e.Action; a != nil {
		p.Action = &api.Action{Kind: a.Kind, Key: a.Key, Amount: a.Amount, Final: a.Final, State: stateOfAction(*a), Reason: cmp.Or(a.Refused, a.Ended)}
	}
	return p
}

func stateOfAction(a till.Acted) api.ActionState {
	switch {
	case a.Done:
		return api.ActionDone
	case a.Refused != "":
		return api.ActionRefused
	case a.Ended != "":
		return api.ActionEnded
	default:
		return api.ActionPending
	}
}

func paymentOfWallet(e wallet.Entry) api.Payment {
	p := paymentOf(e.View)
	p.Answering = e.Answering
	if e.State() == pay.StateOffered || e.Increment != nil {
		p.Asks = e.Payment.Decision.Asks()
	}
	return p
}

func paymentOf(v history.View) api.Payment {
	sums := v.Payment.Sums()
	p := api.Payment{
		V: 1, Type: "payment", ID: v.ID.String(), State: v.State(), Outcome: v.Outcome(), Queued: v.Queued,
		Amount: v.Amount, AmountHeld: v.Payment.Decision.Capturable(), AmountCaptured: sums.Captured, AmountRefunded: sums.Refunded, Currency: v.Currency, TipMax: v.TipMax, TipAgreed: v.Tip, Tip: v.Payment.Decision.TipTaken(), Merchant: v.MerchantName, Site: v.Site,
		Payer: v.Handle, Ref: v.Ref, Mode: "online", Method: v.Method(), Demand: v.StepUp, Evidence: v.Evidence, Certain: v.Certain, By: v.By, Reason: v.Reason,
		Created: v.Created.String(), Seq: v.Payment.Seq, Refusal: cmp.Or(v.Refusal, v.OthersRefusal), Acquirer: v.Acquirer,
	}
	if v.Payment.Seq > 0 {
		p.Test = &v.Test
	}
	p.Fuel = api.NewFuel(v.Fuel, v.Payment.Decision.Delivery)
	if i := v.Increment; i != nil {
		p.Increment = &api.Increment{ID: i.ID.String(), Amount: i.Amount, Total: i.Total, Expires: i.Expires.String()}
	}
	p.Capture = api.CaptureAuto
	if v.HoldUntil != 0 {
		p.HoldUntil = v.HoldUntil.String()
	}
	if v.HoldUntil != 0 || v.HoldFor != 0 {
		p.Capture = api.CaptureManual
	}
	p.SafeToRetry = p.Outcome.SafeToRetry()
	if v.Expires != 0 {
		p.Expires = v.Expires.String()
	}
	return p
}

func nearbyObject(n pay.Nearby) api.Nearby {
	out := api.Nearby{V: 1, Type: "nearby", Candidates: candidateObjects(n.Candidates), Radio: api.RadioOK}
	if n.Clear != "" {
		out.Clear, out.Evidence, out.Certain = &n.Clear, n.Evidence, n.Certain
	}
	if n.Deaf {
		out.Radio = api.RadioDeaf
	}
	return out
}

func candidateObjects(list []pay.Candidate) []api.Candidate {
	out := make([]api.Candidate, 0, len(list))
	for _, c := range list {
		out = append(out, api.Candidate{Handle: c.Handle, RSSI: c.RSSI, Since: c.Since.String(), Lane: c.Lane, Near: c.Near, Tapped: c.Tapped})
	}
	return out
}

func deviceObject(d wallet.Device) api.Device {
	out := api.Device{
		V: 1, Type: "device", ID: d.ID.String(), Kind: d.Type, State: d.State, Vehicle: d.Vehicle, Means: d.Means, Link: d.Link, Reason: d.Reason,
	}
	if d.Refreshing {
		out.State = pay.DeviceActive
	}
	if !d.Car.IsZero() {
		out.Car = &api.Car{Plate: d.Car.Plate, Product: d.Car.Product, Tank: d.Car.Tank}
	}
	if d.Vouched != 0 {
		out.Vouched = d.Vouched.String()
	}
	if d.Trusted != 0 {
		out.TrustedFrom = d.Trusted.String()
	}
	l := d.Level
	out.Level = api.Level{Learn: l.Learn, Payments: l.Payments, Places: l.Places, Learned: l.Learned, Correction: l.Level, Fixed: l.Fixed}
	return out
}
