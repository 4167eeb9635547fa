// Package vhci is Bluetooth without a radio: LE controllers that exist only in
// memory, and the air between them. The kernel's driver hci_vhci takes one for
// the real thing, so that the real kernel, the real bluetoothd and the real
// program can be tested on a machine that has no radio. It is not part of the
// product; only tests in a virtual machine use it.
//
// # Flow
//
//	kernel --command--> Controller --event--> kernel
//	Controller --Report--> Air --Report--> every other Controller that listens
//
// A Port is where a controller meets its host: Open gives the kernel's, a test
// may give its own. Bytes become commands in hci.go and params.go, which are
// pure; a controller decides what a command does in controller.go; the air
// keeps time.
//
// # What it models
//
// What is on the air is repeated at its interval plus up to 10 ms, as the
// specification has it. A controller hears while it scans and its window is
// open, at a strength that the test sets for each pair. Its duplicate filter
// knows senders by address, as most chips do, and forgets when a scan begins.
// It takes the random address that the host gives it. It can go deaf, be
// unplugged and be plugged in again, and adverts of anybody can be injected at
// any rate. Collisions, fading and connections are not modelled.
//
// # Guarantees
//
// Nothing here panics on what a host sends. A command that is not known is
// answered as such, never with silence. An Air starts one goroutine a
// controller, which ends before Unplug returns, and Run is one more.
package vhci
