package ocpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// frame is one message of OCPP-J, a JSON array:
//
//	[2, id, action, payload]            a call
//	[3, id, payload]                    its result
//	[4, id, code, description, details] its error
type frame struct {
	kind    ocppj.MessageType
	id      string
	action  string // of a call
	payload fields // of a call or a result
}

// fault is why a frame is not followed. Its text is ours, and quotes nothing.
type fault struct {
	id   string // "": nobody knows to what an answer would be
	code ocpp.ErrorCode
	text string
}

// Error returns the code and the text.
func (f *fault) Error() string { return fmt.Sprintf("%s: %s", f.code, f.text) }

// errFrame is why a frame is no JSON that is read here.
var errFrame = errors.New("ocpp: it is no JSON within the limits")

// readFrame reads a frame, exactly: nothing follows the array, no name stands twice in an
// object, and nothing is nested deeper than depthMax.
func readFrame(data []byte) (frame, *fault) {
	bad := func(id, text string) (frame, *fault) {
		return frame{}, &fault{id, ocppj.FormatViolationV16, text}
	}
	if !utf8.Valid(data) {
		return bad("", "the frame is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := readValue(dec, depthMax)
	if err != nil {
		return bad("", "the frame is no JSON within the limits")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return bad("", "something follows the frame")
	}
	parts, ok := v.(list)
	if !ok || len(parts) < 3 || len(parts) > 5 {
		return bad("", "the frame is no array of 3 to 5 parts")
	}
	id, ok := parts[1].(string)
	if !ok || id == "" || len(id) > messageIDMax {
		return bad("", "the message's id is no text of 1..36 bytes")
	}
	f := frame{id: id}
	switch n, _ := parts[0].(json.Number); {
	case n == "2" && len(parts) == 4:
		f.kind = ocppj.CALL
		action, isText := parts[2].(string)
		payload, isObject := parts[3].(fields)
		if !isText || !isObject || action == "" || len(action) > messageIDMax {
			return bad(f.id, "a call is an action and an object")
		}
		f.action, f.payload = action, payload
	case n == "3" && len(parts) == 3:
		f.kind = ocppj.CALL_RESULT
		f.payload, _ = parts[2].(fields)
	case n == "4":
		f.kind = ocppj.CALL_ERROR
	case n == "2":
		return bad(f.id, "a call has four parts")
	default:
		return bad("", "the frame is neither a call nor an answer")
	}
	return f, nil
}

// readValue reads the next value of a document.
func readValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, errFrame
	}
	opened, ok := t.(json.Delim)
	if !ok {
		return t, nil
	}
	if depth == 0 {
		return nil, errFrame
	}
	switch opened {
	case '[':
		values := list{}
		for dec.More() {
			v, err := readValue(dec, depth-1)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		return values, closed(dec)
	case '{':
		members := fields{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, errFrame
			}
			s, ok := name.(string)
			if _, again := members[s]; again || !ok {
				return nil, errFrame
			}
			if members[s], err = readValue(dec, depth-1); err != nil {
				return nil, err
			}
		}
		return members, closed(dec)
	default:
		return nil, errFrame
	}
}

// closed reads the end of an array or object.
func closed(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return errFrame
	}
	return nil
}
