package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// decodeObject reads exactly one JSON object into q, a pointer to a request whose
// fields have these names. A field that the request does not have is refused, and so is
// one in another case or given twice: a charge that was meant to need the device must
// not go without. Its errors are *pay.Error with CodeUsage.
func decodeObject(body []byte, q any, fields []string) error {
	if !utf8.Valid(body) {
		return pay.NewError(pay.CodeUsage, "read request: it is not UTF-8", "send JSON in UTF-8")
	}
	if !json.Valid(body) {
		return pay.Wrap(json.Unmarshal(body, q), pay.CodeUsage, "read request", requestHint)
	}
	if err := checkFields(body, fields); err != nil {
		return err
	}
	if err := json.Unmarshal(body, q); err != nil {
		return pay.Wrap(err, pay.CodeUsage, "read request", requestHint)
	}
	return nil
}

const requestHint = "send the one JSON object that the verb takes, and no other fields"

// checkFields looks at the names of an object's fields as they are written, which
// the decoder takes in any case and any number. body is valid JSON.
func checkFields(body []byte, known []string) error {
	if body = bytes.TrimLeft(body, " \t\r\n"); body[0] != '{' {
		return pay.NewError(pay.CodeUsage, "read request: it is no JSON object", requestHint)
	}
	seen := make([]bool, len(known))
	for name := range fieldNames(body) {
		k := slices.Index(known, name)
		switch {
		case k < 0:
			hint := requestHint
			if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) }); i >= 0 {
				hint = fmt.Sprintf("write it as %q", known[i])
			}
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("read request: unknown field %q", text.Printable(name)), hint)
		case seen[k]:
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("read request: field %q is given twice", name), "give it once")
		}
		seen[k] = true
	}
	return nil
}

// fieldNames returns the names of the fields of an object, in order. body is valid JSON.
func fieldNames(body []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth, isName := 0, false // whether the next string is a name
		for i := 0; i < len(body); i++ {
			switch body[i] {
			case '{', '[':
				depth++
				isName = depth == 1
			case '}', ']':
				depth--
			case ',':
				isName = depth == 1
			case '"':
				end := i + 1
				for ; body[end] != '"'; end++ {
					if body[end] == '\\' {
						end++
					}
				}
				if isName && !yield(unquoted(body[i:end+1])) {
					return
				}
				i, isName = end, false
			}
		}
	}
}

// unquoted returns the text of a valid JSON string.
func unquoted(raw []byte) (s string) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	_ = json.Unmarshal(raw, &s) // it is valid
	return s
}

// fieldsOf returns the names of a request's fields. q is a pointer to it.
func fieldsOf(q any) []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(q).Elem()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// checkRequest refuses what no request may hold: a key of nothing but blanks, under
// which the next customer's charge would be the last one's, a list of less than
// nothing, and texts that deceive. It tidies those that do not.
func checkRequest(q any) error {
	if k, ok := q.(keyed); ok && *k.keyField() != "" && text.IsBlank(string(*k.keyField())) {
		return errBlankKey()
	}
	switch q := q.(type) {
	case *ListRequest:
		return checkLimit(q.Limit)
	case *EventsRequest:
		return cmp.Or(checkLimit(q.Limit), checkLimit(q.Last))
	case *ChargeRequest:
		return tidy("ref", &q.Ref)
	case *InviteRequest:
		return cmp.Or(tidy("name", &q.Name), tidy("merchant", &q.Merchant), tidy("site", &q.Site))
	case *AddMeansRequest:
		return tidy("name", &q.Name)
	case *MeansRef:
		return tidy("name", &q.Name)
	case *PairRequest:
		return cmp.Or(tidy("vehicle", &q.Vehicle), tidy("means", &q.Means), CheckVehicle(string(q.Vehicle)))
	}
	return nil
}

func checkLimit(n int) error {
	if n < 0 {
		return pay.NewError(pay.CodeUsage, "read request: the limit is below zero", "give a limit above zero, or none")
	}
	return nil
}

func tidy[T ~string](what string, s *T) error {
	tidied, err := text.Tidy("read "+what, string(*s))
	if err == nil {
		*s = T(tidied)
	}
	return err
}

func errBlankKey() error {
	return pay.NewError(pay.CodeUsage, "read key: it holds nothing but blanks", "give a key that can be seen, or none")
}
