package vhci

import (
	"encoding/binary"
	"fmt"
	"os"
)

// devicePath is the device of the kernel module hci_vhci, through which a program
// acts as a controller.
const devicePath = "/dev/vhci"

// kernelPort is the port of a controller of the kernel.
type kernelPort struct {
	*os.File
	name string
}

// Name returns the kernel's name for the controller.
func (p kernelPort) Name() string { return p.name }

// Open makes a controller in this machine's kernel. It returns an error that
// wraps os.ErrNotExist if the module hci_vhci is missing, os.ErrPermission if
// this user may not use it, or another error of the driver.
func Open() (Port, error) {
	f, err := os.OpenFile(devicePath, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open virtual controller: %w", err)
	}
	index, err := makeController(f)
	if err != nil {
		_ = f.Close() // the first error is the useful one
		return nil, fmt.Errorf("make virtual controller: %w", err)
	}
	return kernelPort{File: f, name: fmt.Sprintf("hci%d", index)}, nil
}

// makeController makes the driver create a primary controller and returns its
// index. It fails if the driver answers otherwise.
func makeController(f *os.File) (int, error) {
	if _, err := f.Write([]byte{packetVendor, 0}); err != nil {
		return 0, err
	}
	var answer [packetBytesMax]byte
	n, err := f.Read(answer[:])
	if err != nil {
		return 0, err
	}
	if n != 4 || answer[0] != packetVendor {
		return 0, fmt.Errorf("the driver answers % x", answer[:n])
	}
	return int(binary.LittleEndian.Uint16(answer[2:])), nil
}
