package api

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestJoinedErrorsAreOneLine: an error object, a log and a terminal have one line for a
// message, in which a line break would be an odd character.
func TestJoinedErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	err := pay.Wrap(errors.Join(context.DeadlineExceeded, errors.New("read: connection lost")), pay.CodeUnreachable, "ask the registry", "wait")
	if p := Describe(err); strings.Contains(p.Message, "\n") || p.Message != "ask the registry: context deadline exceeded; read: connection lost" || p.Code != pay.CodeUnreachable {
		t.Errorf("%+v", p)
	}
}

// TestKeyIsHintedWhereThereIsOne: only a request that bears a key is repeated under it.
func TestKeyIsHintedWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for q, want := range map[any]bool{&ChargeRequest{}: true, &TopUpRequest{}: true, &AnswerRequest{}: false, &Nothing{}: false} {
		if hint := lostHint(q); strings.Contains(hint, "--key") != want || hint == "" {
			t.Errorf("%T: %q", q, hint)
		}
	}
}

// TestVehicles lists what --vehicle takes.
func TestVehicles(t *testing.T) {
	t.Parallel()
	for vehicle, ok := range map[string]bool{
		"": true, "plate=AB-123": true, "plate=AB-123,fuel=diesel,tank=55": true, "tank=55": true, "plate=서울 12가 3456": true,
		"AB-123": false, "plate": false, "plate=": false, "plate=A,plate=B": false, "colour=red": false, "plate=A,": false, "Plate=A": false, "plate=A;fuel=diesel": true,
	} {
		err := CheckVehicle(vehicle)
		if (err == nil) != ok || (err != nil && (pay.CodeOf(err) != pay.CodeUsage || HintOf(err) == "")) {
			t.Errorf("%q: %v", vehicle, err)
		}
	}
}
