package process

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/pay"
)

// bootIDFile holds a random name of the boot. Published: the proc file system,
// random(4).
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// machineBoot returns what reads how long the machine has run, sleep included,
// and nil where it does not say which boot it is.
func machineBoot() func() pay.Boot {
	raw, err := os.ReadFile(bootIDFile)
	id := pay.BootID(strings.TrimSpace(string(raw)))
	var t unix.Timespec
	if err != nil || id == "" || unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return nil
	}
	return func() pay.Boot {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
			panic("process: internal error: the clock that was there is gone: " + err.Error())
		}
		return pay.Boot{ID: id, Up: pay.MillisOf(time.Duration(t.Nano()))}
	}
}
