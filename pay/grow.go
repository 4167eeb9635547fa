package pay

import (
	"reflect"
	"strconv"
	"strings"
)

// IgnorableFrom is the first of the map keys that a reader ignores when it does
// not know them. It must know all below. Chosen: bodies and messages have fewer
// than 32 fields today.
const IgnorableFrom = 64

// DecodeGrown reads raw into v, a pointer to the struct of a body or a message,
// as Decode does, and ignores map keys from IgnorableFrom on that v does not
// know, in its top-level map and in the maps inside. All of raw must be
// deterministic CBOR all the same. Its errors wrap ErrNotCanonical.
func DecodeGrown(raw []byte, v any) error {
	err := Decode(raw, v)
	if err == nil {
		return nil
	}
	// Only what a newer program wrote, or what is malformed, comes to be read twice.
	var all any
	if Decode(raw, &all) != nil {
		return err
	}
	t := reflect.TypeOf(v).Elem()
	known, dropped := prune(all, t)
	if !dropped {
		return err
	}
	reflect.ValueOf(v).Elem().SetZero()
	return Decode(mustEncode(known), v)
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
		case n >= IgnorableFrom:
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
