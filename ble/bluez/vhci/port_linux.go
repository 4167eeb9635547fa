package vhci

import (
	"encoding/binary"
	"fmt"
	"os"
)

// devicePath is where the kernel module hci_vhci lets a program be a
// controller.
const devicePath = "/dev/vhci"

// kernelPort is a controller as the kernel sees it.
type kernelPort struct {
	*os.File
	name string
}

// Name is what the kernel calls the controller.
func (p kernelPort) Name() string { return p.name }

// Open makes a controller in this machine's kernel. It fails where the module
// hci_vhci is missing or this user may not use it.
func Open() (Port, error) {
	f, err := os.OpenFile(devicePath, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open virtual controller: %w", err)
	}
	index, err := makeController(f)
	if err != nil {
		_ = f.Close() // the first error says more
		return nil, fmt.Errorf("make virtual controller: %w", err)
	}
	return kernelPort{File: f, name: fmt.Sprintf("hci%d", index)}, nil
}

// makeController asks the driver for a primary controller and returns its
// index.
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
