//go:build !linux

package process

import "github.com/paybeacon/paybeacon/pay"

// machineBoot returns nil: how long the machine has run, sleep included, is
// known on Linux alone.
func machineBoot() func() pay.Boot { return nil }
