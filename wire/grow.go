package wire

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// ignorableFrom is the first of the map keys that a receiver ignores when it
// does not know them. It must know all below.
const ignorableFrom = 64

// decode reads body into m, a pointer to a message. Keys from ignorableFrom on
// that m does not know are left out, in its top-level map and in the maps inside;
// the whole body must be deterministic CBOR all the same. Its errors wrap
// pay.ErrNotCanonical.
func decode(body []byte, m any) error {
	err := pay.Decode(body, m)
	if err == nil {
		return nil
	}
	// Only a message of a newer peer, or a malformed one, comes to be read twice.
	var all any
	if pay.Decode(body, &all) != nil {
		return err
	}
	t := reflect.TypeOf(m).Elem()
	known, dropped := prune(all, t)
	if !dropped {
		return err
	}
	reflect.ValueOf(m).Elem().SetZero()
	return pay.Decode(pay.Encode(known), m)
}

// prune returns v, which was decoded without a type, less the keys that may be
// ignored by a reader who expects a t. dropped reports whether there were any.
func prune(v any, t reflect.Type) (known any, dropped bool) {
	switch {
	case t.Kind() == reflect.Struct:
		if pairs, ok := v.(map[any]any); ok {
			return pruneMap(pairs, fieldsOf(t))
		}
	case t.Kind() == reflect.Slice:
		if items, ok := v.([]any); ok {
			for i, item := range items {
				var some bool
				items[i], some = prune(item, t.Elem())
				dropped = dropped || some
			}
			return items, dropped
		}
	}
	return v, false
}

func pruneMap(pairs map[any]any, fields map[uint64]reflect.Type) (known any, dropped bool) {
	for key, value := range pairs {
		n, ok := key.(uint64)
		if !ok {
			continue
		}
		field, ok := fields[n]
		switch {
		case ok:
			var some bool
			pairs[key], some = prune(value, field)
			dropped = dropped || some
		case n >= ignorableFrom:
			delete(pairs, key)
			dropped = true
		}
	}
	return pairs, dropped
}

// fieldsOf returns the types of the fields of a struct by their map key, those
// of embedded structs included.
func fieldsOf(t reflect.Type) map[uint64]reflect.Type {
	found := map[uint64]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("cbor"), ",")
		key, err := strconv.ParseUint(name, 10, 64)
		if err == nil && strings.Contains(options, "keyasint") {
			found[key] = f.Type
		}
	}
	return found
}
