//go:build linux

// Package bluez is the real radio: BlueZ, over its D-Bus interface. It is the
// only package of the product that uses D-Bus.
//
// # Flow
//
//	Scan:      BlueZ --signals--> signalConn --queue--> readSignal --> tracker
//	                                  attempts (power, filter, monitor, discovery)
//	                                  ble.Watchdog (each second) --> Health
//	Advertise: payload --> object on the bus --RegisterAdvertisement--> BlueZ
//
// Calls go through go-bluetooth, which keeps one connection to the system bus
// for the process. Only its client and the names of the interfaces are used: its
// stubs read every property into a struct when they are made, panic on one of an
// unexpected type, and cannot be cancelled when bluetoothd hangs. Signals arrive
// in order over a connection of our own (signalConn), with a few match rules for
// the whole adapter. The first advert of a device is InterfacesAdded, every
// later one PropertiesChanged on its path; both become a ble.Advert. Every
// property is read with a checked type assertion.
//
// A discovery alone leaves the controller's duplicate filter on, and BlueZ then
// reports a steady beacon about once in ten seconds. An advertisement monitor
// that is registered before the discovery switches the filter off. It needs
// BlueZ's experimental interfaces. Without them the discovery is restarted each
// second, which clears the filter, and the log says once what to switch on.
//
// # Recovery
//
// Scan fails only if it cannot begin. Afterwards the loop that receives adverts
// never waits for BlueZ. Calls to BlueZ are made by one attempt at a time, in a
// goroutine beside the loop (attempts). An attempt begins when a signal reports
// that bluetoothd, the adapter, its power or its discovery changed, when the
// watchdog requests a remedy, and, after a failed attempt, after pauses that
// double. Health describes meanwhile what is wrong. A second adapter may
// broadcast a marker, so that silence is known to be deafness.
//
// Advertise fails if the first advertisement is refused, and later recovers in
// the same way. The advertisement is not connectable and gets a fresh random
// address with each registration, so that code and address change together. On a
// discoverable adapter, which would send its public address, Advertise refuses;
// if the adapter becomes discoverable, the advertisement ends at once.
//
// # Guarantees
//
// Queues, waits and foreign texts have bounds (limits.go). No goroutine is
// started for a device or a signal, and an advert of a known device costs no
// allocation here. If more signals come than the process can take, they wait in
// the bus; Health shows how late they are and how many were dropped. Adverts
// that bluetoothd itself loses above its capacity cannot be counted here.
package bluez
