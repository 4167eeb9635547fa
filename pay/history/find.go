package history

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// Find returns the payment whose id begins with the given hexadecimal digits.
// Its errors are those of FindID.
func Find(rows pay.Rows, digits string) (Record, error) {
	id, err := FindID(rows, []byte("hp"), digits, "payment")
	if err != nil {
		return Record{}, err
	}
	rec, ok, err := Get(rows, pay.PaymentID(id))
	if err == nil && !ok {
		err = fmt.Errorf("payment %s is listed and missing", pay.PaymentID(id).Short())
	}
	return rec, err
}

// FindID returns the only id of 32 bytes that begins with the given hexadecimal
// digits among the rows whose key is space and an id. what names such a thing
// to a person. Its errors are *pay.Error: CodeUsage for what is no id or fits
// several, CodeNotFound for none.
func FindID(rows pay.Rows, space []byte, digits, what string) (id [idBytes]byte, err error) {
	from, to, ok := between(digits)
	if !ok {
		return id, pay.NewError(pay.CodeUsage, fmt.Sprintf("%.70q is not the id of a %s", digits, what),
			"give the id, or its first digits, as the list prints it")
	}
	n := 0
	err = rows.Scan(append(append([]byte(nil), space...), from...), append(append([]byte(nil), space...), to...), 2, func(key, _ []byte) bool {
		n++
		copy(id[:], key[len(space):])
		return true
	})
	switch {
	case err != nil:
		return id, err
	case n == 0:
		return id, pay.NewError(pay.CodeNotFound, fmt.Sprintf("no %s has an id that begins with %s", what, digits), "list them to see their ids")
	case n > 1:
		return id, pay.NewError(pay.CodeUsage, fmt.Sprintf("several ids of a %s begin with %s", what, digits), "give more of its digits")
	}
	return id, nil
}

// between returns the half-open range of keys whose digits begin as given.
func between(digits string) (from, to []byte, ok bool) {
	const all = 2 * idBytes
	if digits == "" || len(digits) > all {
		return nil, nil, false
	}
	pad := all - len(digits)
	from, err := hex.DecodeString(digits + strings.Repeat("0", pad))
	if err != nil {
		return nil, nil, false
	}
	last, err := hex.DecodeString(digits + strings.Repeat("f", pad))
	return from, append(last, 0), err == nil
}
