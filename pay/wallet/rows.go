package wallet

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

var (
	balanceRows = rows.New("b", "what was topped up less what was captured",
		rows.Text[pay.Currency]("CURRENCY"), rows.Int64[pay.Amount]("AMOUNT"))
	challengeRows = rows.New("c", "the challenge for an offer that demands two channels",
		rows.ID[pay.PaymentID]("PAYMENT"), rows.ID[pay.FactID]("FACT"))
	deviceRows = rows.New("d", "what the registry and this wallet stated about a device",
		rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[deviceRow]())
	limitRows  = rows.NewSingle("l", "above which amount payments need the device", rows.CBOR[limitRow]())
	answerRows = rows.New("n", "the answer that this wallet gave last", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[answerRow]())
	openRows   = rows.New("q", "an offer that may still be open", rows.ID[pay.PaymentID]("PAYMENT"), rows.None())
	topUpRows  = rows.New("v", "a top-up that is in the balance", rows.ID[pay.FactID]("FACT"), rows.None())
)

// Spaces returns the key spaces of the role, those of package history included.
func Spaces() rows.Spaces {
	return append(rows.Spaces{
		balanceRows.Space, challengeRows.Space, deviceRows.Space, limitRows.Space, answerRows.Space, openRows.Space, topUpRows.Space,
	}, history.Spaces()...)
}
