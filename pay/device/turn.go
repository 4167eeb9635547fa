package device

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// switchLabel separates the use of the identity key for switch moments from its
// use for codes.
const switchLabel = "paybeacon/1 switch"

// Turn is one code's time on the air.
type Turn struct {
	Step  pay.Step
	Code  pay.Code
	Until Reading // when the next turn begins
}

// TurnAt returns what a device with identity key ik broadcasts at reading r.
//
// The switch to a step's code comes between 0 and pay.SwitchJitterMax after the
// step's beginning (at most an eighth of the step), at a moment that follows
// from key and step: to others it is random, and a restart agrees with it. It
// is late and never early, so the code on the air is never ahead of the
// counter, and the registry, which accepts a step until pay.StepSlack after its
// end, still accepts the code that lingers.
func TurnAt(ik pay.IdentityKey, k pay.Exponent, r Reading) Turn {
	r = r.clamp()
	s := k.Step(r.Counter())
	if s > 0 && r < switchAt(ik, k, int64(s)) {
		s--
	}
	return Turn{Step: s, Code: pay.CodeAt(ik, k, s), Until: switchAt(ik, k, int64(s)+1)}
}

// switchAt returns when the code of step s goes on the air. The step after the
// last one of 32 bits begins at ReadingMax, which is where a device ends.
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
