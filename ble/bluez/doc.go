//go:build linux

// Package bluez is the real radio: BlueZ, over its D-Bus interface. Nothing
// else in the product speaks D-Bus.
//
// # Flow
//
//	Scan:      BlueZ --signals--> ear --queue--> read --> tracker
//	                                  work (power, filter, discovery, monitor)
//	                                  ble.Watchdog (each second) --> Health
//	Advertise: payload --> object on the bus --RegisterAdvertisement--> BlueZ
//
// Calls go through go-bluetooth, which keeps one connection to the system bus
// for the process. Of that library only the client and the names of the
// interfaces are used: its stubs read every property into a struct when they
// are made, panic on one of an unexpected type, and cannot be given up on when
// bluetoothd hangs. Signals come over a connection of our own (ear) with one
// match rule for the whole adapter, in order. First sight of a device is
// InterfacesAdded, every later advert PropertiesChanged on its path; both become
// a ble.Advert. Every property is read with a checked assertion.
//
// Discovery alone leaves the controller's duplicate filter on, and a steady
// beacon is then heard about once in ten seconds. An advertisement monitor
// registered before it switches the filter off. It needs BlueZ's experimental
// interfaces; without them the discovery begins anew each second, which makes
// the filter forget, and the radio says once what to switch on.
//
// # Healing
//
// Scan fails only when it cannot begin. Afterwards the loop that takes adverts
// never waits for BlueZ; whatever asks BlueZ for something is one attempt
// beside it (work), begun when a signal says that bluetoothd, the adapter, its
// power or its discovery changed, when the watchdog asks for a remedy, and
// again at pauses that double. Health says what is wrong meanwhile. A second
// adapter may broadcast a marker, so that silence is known to be deafness.
//
// Advertise fails when the first advertisement is refused, and heals itself
// later in the same way. It is not connectable and gets a fresh random address
// with each registration, so that code and address change together; on a
// discoverable adapter, whose public address would go out, it refuses, and it
// ends at once when the adapter becomes discoverable.
//
// # Guarantees
//
// Queues, waits and foreign texts have bounds (limits.go). Nothing is started
// for each device or signal, and an advert already known costs no allocation
// here. When more comes than the process can take, signals wait in the bus; how
// late they are and what was dropped stands in Health. What bluetoothd itself
// loses above its capacity cannot be seen from here.
package bluez
