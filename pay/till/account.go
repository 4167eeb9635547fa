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
			pay.KindPaidOut: history.Mirror(t.paidOut),
			// What a mandate lets a payer pay is for the payer and the registry to check.
			pay.KindMandateStatus: history.Mirror(func(pay.WritableRows, pay.Fact, pay.MandateStatus) error { return nil }),
		},
	}
}

func (t *Till) paidOut(tx pay.WritableRows, f pay.Fact, p pay.PaidOut) error {
	if p.Account != t.options.Merchant {
		return nil
	}
	_, err := history.NoteStatement(tx, f, p.At)
	return err
}
