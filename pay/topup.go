package pay

// TopUp is play money put into a wallet's account.
type TopUp struct {
	Wallet   Scope          `cbor:"1,keyasint"`
	Amount   Amount         `cbor:"2,keyasint"`
	Currency Currency       `cbor:"3,keyasint"`
	Key      IdempotencyKey `cbor:"4,keyasint"`
	At       Time           `cbor:"5,keyasint"`
}

// Kind returns KindTopUp.
func (TopUp) Kind() Kind { return KindTopUp }

// Check bounds every field.
func (t TopUp) Check() error {
	return firstError(t.Wallet.check("w/"), t.Amount.CheckPayable(), t.Currency.Check(), t.Key.Check(), t.At.check())
}
