package node

import (
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// Here the domain's values become the contract's objects.

func paymentOfTill(e till.Entry) api.Payment {
	p := api.Payment{
		V: 1, Type: "payment", ID: e.ID.String(), Key: e.Key, State: e.State(), Outcome: e.Outcome(), Queued: e.Queued,
		Amount: e.Amount, AmountCaptured: e.Payment.Captured, Currency: e.Currency, Merchant: e.Shop, Site: e.Site,
		Payer: e.Handle, Ref: e.Ref, Mode: "online", Method: methodOf(e.Demand), Demand: e.Demand, By: e.By, Reason: e.Reason,
		Created: e.Created.String(), Seq: e.Payment.Seq, Test: e.Test, Refusal: e.Refusal,
	}
	p.SafeToRetry = p.Outcome.SafeToRetry()
	if e.Expires != 0 {
		p.Expires = e.Expires.String()
	}
	return p
}

func nearbyObject(n pay.Nearby) api.Nearby {
	out := api.Nearby{V: 1, Type: "nearby", Candidates: candidateObjects(n.Candidates), Radio: api.RadioOK}
	if n.Clear != "" {
		out.Clear = &n.Clear
	}
	if n.Deaf {
		out.Radio = api.RadioDeaf
	}
	return out
}

func candidateObjects(list []pay.Candidate) []api.Candidate {
	out := make([]api.Candidate, 0, len(list))
	for _, c := range list {
		out = append(out, api.Candidate{Handle: c.Handle, RSSI: c.RSSI, Since: c.Since.String(), Lane: c.Lane, Near: c.Near})
	}
	return out
}

func paymentOfWallet(e wallet.Entry) api.Payment {
	p := api.Payment{
		V: 1, Type: "payment", ID: e.ID.String(), State: e.State(), Outcome: e.Outcome(), Queued: e.Queued, Answering: e.Answering,
		Amount: e.Amount, AmountCaptured: e.Payment.Captured, Currency: e.Currency, Merchant: e.Shop, Site: e.Site,
		Payer: e.Handle, Ref: e.Ref, Mode: "online", Method: methodOf(e.Demand), Demand: e.Demand, By: e.By, Reason: e.Reason,
		Created: e.Created.String(), Seq: e.Payment.Seq, Test: e.Test, Refusal: e.Refusal,
	}
	p.SafeToRetry = p.Outcome.SafeToRetry()
	if e.Expires != 0 {
		p.Expires = e.Expires.String()
	}
	return p
}

func methodOf(d pay.StepUp) pay.Method { return d.Method() }

func deviceObject(d wallet.Device) api.Device {
	out := api.Device{
		V: 1, Type: "device", ID: d.ID.String(), Kind: d.Type, State: d.State, Vehicle: d.Vehicle, Means: d.Means, Link: d.Link, Reason: d.Reason,
	}
	if d.Trusted != 0 {
		out.TrustedFrom = d.Trusted.String()
	}
	return out
}
