// Package fakebluez stands in for the system bus and bluetoothd, so that the
// real radio can be proven and measured on any machine: without root, without a
// controller and without a kernel that knows Bluetooth. It is support for tests
// and for `paybeacon bench`.
//
// # Flow
//
//	Bus     a dbus-daemon of its own on a socket in a folder
//	BlueZ   owns org.bluez on it, as bluetoothd would
//	Adapter is one of its radios: it hears what Hear and Burst give it, and what
//	        is advertised on the other adapters (a virtual air)
//
// Processes find the bus through DBUS_SYSTEM_BUS_ADDRESS.
//
// # What it imitates
//
// What a client can tell: discovery and its filter belong to a connection, and
// the filter outlives the discovery; without a monitor the controller reports a
// device once in a while; without a filter changes of the strength below 8 dB
// are not told; a device is first told by InterfacesAdded and then by
// PropertiesChanged, and goes when it was silent for long; an advertisement is
// read by GetAll, is bound to its client, must fit into 31 bytes with flags and
// gets a fresh random address with each registration; slots run out. What it
// does follows measurements of BlueZ 5.66.
//
// It can fail in the ways that matter: adapters vanish, are switched off or
// blocked, go deaf until the discovery is restarted or the power cycled;
// bluetoothd ends, comes back, hangs, or refuses any call; interfaces are
// missing, and properties have any type.
package fakebluez
