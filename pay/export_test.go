package pay

import (
	"fmt"
	"reflect"
)

// CompareEnvelopes reads what stands around a body by hand and by the decoder, and
// returns whether both take it; an error where only the first does, or they differ.
func CompareEnvelopes(raw []byte) (both bool, err error) {
	cut, ok := cutEnvelope(raw)
	decoded, err := decodeEnvelope(raw)
	switch {
	case !ok:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("it is cut, and the decoder says: %w", err)
	case !reflect.DeepEqual(cut, decoded):
		return false, fmt.Errorf("it is cut into %+v, the decoder reads %+v", cut, decoded)
	}
	return true, nil
}
