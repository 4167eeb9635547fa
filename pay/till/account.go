package till

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// account is what the registry states about the merchant's account beside payments.
func (t *Till) account() history.Feature {
	return history.Feature{
		Name: "account",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindPaidOut: t.paidOut,
			// What a mandate lets a payer pay is for the payer and the registry to check.
			pay.KindMandateStatus: history.Mirror(func(pay.WritableRows, pay.Fact, pay.MandateStatus) error { return nil }),
		},
	}
}

func (t *Till) paidOut(tx pay.WritableRows, _ pay.Time, f pay.Fact) (pay.Reaction, error) {
	_, _, err := history.TakeStatement(tx, f, t.options.Merchant)
	return pay.Reaction{}, err
}
