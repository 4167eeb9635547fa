package process

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/pay"
)

// addressBytesMin is how much of its address space a node must be allowed. Measured:
// reading commands of a small registry end in the middle with 1.75 GiB on two
// processors, by a limit on virtual memory, and do not with 2 GiB.
const addressBytesMin = 2 << 30

// HintMemory is what a person can do where a node has too little memory.
const HintMemory = "let it have more memory (ulimit -v unlimited; MemoryMax= of systemd; the container's limit); nothing is damaged"

// CheckMemory returns a *pay.Error with CodeNoMemory where this process may not have
// the memory that a node takes. The program would end in the middle of something,
// with words of the runtime.
func CheckMemory() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_AS, &limit); err != nil || limit.Cur >= addressBytesMin {
		return nil //nolint:nilerr // a system without such a limit
	}
	return pay.NewError(pay.CodeNoMemory, fmt.Sprintf("open the store: this process may have %d MiB of virtual memory, a node needs %d", limit.Cur>>20, addressBytesMin>>20), HintMemory)
}
