package history

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Find returns the payment whose id begins with the given hexadecimal digits.
// Its errors are those of FindID.
func Find(view pay.Rows, digits string) (Record, error) {
	id, err := FindID(view, paymentRows, digits, "payment")
	if err != nil {
		return Record{}, err
	}
	return listed(view, id)
}

// FindID returns the only id that begins with the given hexadecimal digits among
// the keys of a table. what names such a thing to a person. Its errors are
// *pay.Error: CodeUsage for what is no id or is the beginning of several,
// CodeNotFound for none. Any other error is the store's.
func FindID[K ~[idBytes]byte, V any](view pay.Rows, in rows.Table[K, V], digits, what string) (id K, err error) {
	first, last, ok := between(digits)
	if !ok {
		return id, pay.NewCase(pay.CodeUsage, "id_form", fmt.Sprintf("%.70q is not the id of a %s", digits, what))
	}
	var found []K
	if first == last { // a whole id: nothing to walk through
		var known bool
		if known, err = in.Has(view, K(first)); known {
			found = []K{K(first)}
		}
	} else {
		found, err = in.Keys(view, in.Through(K(first), K(last)), namedMax+1)
	}
	switch {
	case err != nil:
		return id, err
	case len(found) == 0:
		return id, pay.NewCase(pay.CodeNotFound, "id_unknown", fmt.Sprintf("no %s has an id that begins with %s", what, digits))
	case len(found) > 1:
		return id, pay.NewCase(pay.CodeUsage, "id_short", fmt.Sprintf("several ids of a %s begin with %s: %s", what, digits, several(found)))
	}
	return found[0], nil
}

// WholeID returns the id that hexadecimal digits are; ok is false for what is no id, or
// the beginning of one.
func WholeID[K ~[idBytes]byte](digits string) (id K, ok bool) {
	first, last, ok := between(digits)
	return K(first), ok && first == last
}

// IDs returns the first and the last id that begin with hexadecimal digits; ok is false for
// what is not the beginning of an id.
func IDs[K ~[idBytes]byte](digits string) (first, last K, ok bool) {
	low, high, ok := between(digits)
	return K(low), K(high), ok
}

// namedMax bounds how many ids an error lists. Chosen: a person reads no more.
const namedMax = 8

// several returns the beginnings of ids by which they can be told apart.
func several[K ~[idBytes]byte](found []K) string {
	words := make([]string, 0, len(found))
	digits := 10
	for i, id := range found {
		if i > 0 { // they are in order
			for before := found[i-1]; hex.EncodeToString(before[:])[:digits] == hex.EncodeToString(id[:])[:digits]; digits++ {
			}
		}
	}
	for _, id := range found[:min(len(found), namedMax)] {
		words = append(words, hex.EncodeToString(id[:])[:digits])
	}
	if len(found) > namedMax {
		words = append(words, "and more")
	}
	return strings.Join(words, ", ")
}

const idBytes = 32

// between returns the first and the last id whose digits begin as given; ok is
// false when there is none.
func between(digits string) (first, last [idBytes]byte, ok bool) {
	const all = 2 * idBytes
	if digits == "" || len(digits) > all {
		return first, last, false
	}
	pad := all - len(digits)
	low, err := hex.DecodeString(digits + strings.Repeat("0", pad))
	if err != nil {
		return first, last, false
	}
	high, err := hex.DecodeString(digits + strings.Repeat("f", pad))
	if err != nil {
		return first, last, false
	}
	return [idBytes]byte(low), [idBytes]byte(high), true
}
