// Package vhci is Bluetooth without a radio: LE controllers that exist only in
// memory, and the air between them. The kernel's driver hci_vhci uses one like a
// physical controller, so that the real kernel, the real bluetoothd and the real
// program can be tested on a machine without a radio. It is not part of the
// product; only tests in a virtual machine use it.
//
// # Flow
//
//	kernel --command--> Controller --event--> kernel
//	Controller --Report--> Air --Report--> every other Controller that listens
//
// A Port connects a controller with its host. Open returns one of the kernel; a
// test may use its own. Bytes become commands in hci.go and params.go, which are
// pure; controller.go carries the commands out; air.go sends advertisements when
// they are due.
//
// # What it models
//
// An advertisement is repeated at its interval plus up to 10 ms, as in the
// specification. A controller hears while it scans and its scan window is open,
// at a strength that the test sets for each pair. Its duplicate filter identifies
// senders by address, as most chips do, and is cleared when a scan begins. It
// uses the random address that the host sets. It can be deaf, be unplugged and
// be plugged in again, and a test can inject adverts at any rate. Collisions,
// fading and connections are not modelled.
//
// # Guarantees
//
// Nothing here panics on what a host sends. An unknown command is answered as
// unknown, never ignored. An Air starts one goroutine for each controller, which
// ends before Unplug returns. Run uses the caller's goroutine.
package vhci
