package pay

import "fmt"

// Excess is by how many dB a device was heard stronger than a box expects of somebody
// at its counter, in steps of ExcessStep so that it tells devices apart as little as it
// can. The zero value is that of a box that cannot say. In a body it is an integer in
// dB.
type Excess struct {
	known bool
	steps int8
}

const (
	// ExcessStep is the step in which an excess is stated, in dB. Chosen: phones differ
	// by 5 dB, and finer ones would tell them apart.
	ExcessStep = 4
	// ExcessMax is the largest excess either way, in dB. Chosen: beyond it a box has
	// heard another place or posture, and no property of a device.
	ExcessMax = 24
)

// ExcessOf returns the excess that is closest to dB.
func ExcessOf(dB int) Excess {
	dB = min(max(dB, -ExcessMax), ExcessMax)
	half := ExcessStep / 2
	if dB < 0 {
		half = -half
	}
	return Excess{true, int8((dB + half) / ExcessStep)}
}

// DB returns the excess in dB, and whether the box could say it.
func (e Excess) DB() (dB int, ok bool) { return ExcessStep * int(e.steps), e.known }

// IsZero reports whether the box could not say it.
func (e Excess) IsZero() bool { return e == Excess{} }

// MarshalCBOR returns the integer, or null for what is not known.
func (e Excess) MarshalCBOR() ([]byte, error) {
	dB, ok := e.DB()
	if !ok {
		return Encode(nil), nil
	}
	return Encode(dB), nil
}

// UnmarshalCBOR reads an integer that is a multiple of ExcessStep within ExcessMax.
func (e *Excess) UnmarshalCBOR(raw []byte) error {
	var dB int
	if err := Decode(raw, &dB); err != nil {
		return err
	}
	if dB < -ExcessMax || dB > ExcessMax || dB%ExcessStep != 0 {
		return fmt.Errorf("an excess of %d dB is no multiple of %d within %d", dB, ExcessStep, ExcessMax)
	}
	*e = ExcessOf(dB)
	return nil
}

// Level is by how many dB a device states more than its factory value of its
// strength at 1 m.
type Level int8

const (
	// LevelStep is the step in which a level is set, in dB. Chosen: as ExcessStep.
	LevelStep Level = ExcessStep
	// LevelMax is the most by which a level may differ from the factory value, in dB.
	// Measured: `paybeacon bench crowd`, simulated; see ble/ADVERT.md: with three levels
	// 3 of 100 visitors can be linked, with seven 7.
	LevelMax Level = 4
)

// Check returns nil for a multiple of LevelStep within LevelMax.
func (l Level) Check() error {
	if l < -LevelMax || l > LevelMax || l%LevelStep != 0 {
		return fmt.Errorf("a level of %d dB is no multiple of %d within %d", l, LevelStep, LevelMax)
	}
	return nil
}
