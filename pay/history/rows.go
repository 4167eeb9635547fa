package history

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

type (
	newestKey    = rows.Pair[pay.Time, pay.PaymentID]
	findingKey   = rows.Pair[pay.PaymentID, rows.Pair[uint32, pay.FactID]]
	authorityKey = rows.Pair[pay.NodeID, rows.Pair[pay.Time, pay.FactID]]
)

var (
	paymentRows = rows.New("hp", "a payment: when it was created, when this node received something new, its chain",
		rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[row]())
	newestRows = rows.New("ht", "the payments, newest first",
		rows.Join(rows.Descending("CREATED"), rows.ID[pay.PaymentID]("PAYMENT")), rows.None())
	findingRows = rows.New("hx", "why a decision does not follow",
		rows.Join(rows.ID[pay.PaymentID]("PAYMENT"), rows.Join(rows.Uint32[uint32]("SEQ"), rows.ID[pay.FactID]("FACT"))), rows.Text[string]("why"))
	authorityRows = rows.New("ha", "an authority by the working key that it names",
		rows.Join(rows.ID[pay.NodeID]("WORKING"), rows.Join(rows.Ascending("FROM"), rows.ID[pay.FactID]("FACT"))), rows.None())
	unknownRows = rows.New("hu", "the first fact of a critical kind that is not understood",
		rows.Text[pay.Kind]("KIND"), rows.ID[pay.FactID]("FACT"))
)

// Spaces returns the key spaces of this package in the rows of a box or wallet.
func Spaces() rows.Spaces {
	return rows.Spaces{authorityRows.Space, paymentRows.Space, newestRows.Space, unknownRows.Space, findingRows.Space, incrementRows.Space, refusalRows.Space, statementRows.Space, knownRow.Space}
}

func findingOf(payment pay.PaymentID, seq uint32, id pay.FactID) findingKey {
	return findingKey{First: payment, Second: rows.Pair[uint32, pay.FactID]{First: seq, Second: id}}
}
