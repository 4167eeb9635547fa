package device

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// switchLabel separates the MAC for switch moments from other uses of the identity
// key.
const switchLabel = "paybeacon/1 switch"

// Turn is the span of time in which one code is on the air.
type Turn struct {
	Step  pay.Step
	Code  pay.Code
	Until Reading // when the next turn begins
}

// TurnAt returns the turn of a device with identity key ik at reading r.
//
// The switch to a step's code comes up to pay.SwitchJitterMax after the beginning
// of the step (at most an eighth of the step), at a moment that depends only on
// key and step. Without the key it is unpredictable, and a restart computes the
// same. The switch is never early, so the code on the air is never ahead of the
// counter. It is late by less than pay.StepSlack, the time for which the registry
// accepts a code after the end of its step.
func TurnAt(ik pay.IdentityKey, k pay.Exponent, r Reading) Turn {
	r = r.clamp()
	s := k.Step(r.Counter())
	if s > 0 && r < switchAt(ik, k, int64(s)) {
		s--
	}
	return Turn{Step: s, Code: pay.CodeAt(ik, k, s), Until: switchAt(ik, k, int64(s)+1)}
}

// switchAt returns when the code of step s goes on the air. The step after the
// last one of 32 bits begins at ReadingMax, when the counter is used up.
func switchAt(ik pay.IdentityKey, k pay.Exponent, s int64) Reading {
	start := Reading(s) * Reading(stepMillis(k))
	if start > ReadingMax {
		return ReadingMax
	}
	mac := hmac.New(sha256.New, ik[:])
	mac.Write([]byte(switchLabel))
	mac.Write(binary.BigEndian.AppendUint64([]byte{byte(k)}, uint64(s)))
	most := min(pay.SwitchJitterMax, stepMillis(k)/8)
	return start.Add(pay.Millis(binary.BigEndian.Uint32(mac.Sum(nil)) % uint32(most)))
}
