package pay

// TopUp is the registry's statement that play money was put into a wallet's
// account.
type TopUp struct {
	Wallet   Scope          `cbor:"1,keyasint"`
	Amount   Amount         `cbor:"2,keyasint"`
	Currency Currency       `cbor:"3,keyasint"`
	Key      IdempotencyKey `cbor:"4,keyasint"`
	At       Time           `cbor:"5,keyasint"`
}

// Kind returns KindTopUp.
func (TopUp) Kind() Kind { return KindTopUp }

// Check returns nil when every field is within its bounds.
func (t TopUp) Check() error {
	return firstError(t.Wallet.check("w/"), t.Amount.CheckPayable(), t.Currency.Check(), t.Key.Check(), t.At.check())
}
