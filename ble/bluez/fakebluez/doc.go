// Package fakebluez replaces the system bus and bluetoothd, so that package
// bluez can be tested and measured on any machine: without root, without a
// controller and without a kernel that supports Bluetooth. It is for tests and
// for `paybeacon bench`.
//
// # Flow
//
//	Bus     a dbus-daemon of its own on a socket in a folder
//	BlueZ   owns org.bluez on it, as bluetoothd would
//	Adapter is one of its radios: it hears the adverts of Hear and Burst, and
//	        those of the other adapters (a virtual air)
//
// Processes find the bus through DBUS_SYSTEM_BUS_ADDRESS.
//
// # What it imitates
//
// It imitates what a client can observe. A discovery and its filter belong to a
// connection, and the filter outlives the discovery. Without a monitor the
// controller reports a device once in DuplicateWindow. Without a filter, changes
// of the strength below 8 dB are not reported. The first report of a device is
// InterfacesAdded, the later ones are PropertiesChanged; the device is removed
// after DeviceTimeout without an advert. An advertisement is read by GetAll,
// belongs to its client, has at most 31 bytes with flags and gets a fresh random
// address with each registration; the slots for them are limited. All this
// follows measurements of BlueZ 5.66.
//
// It can fail as real ones do: adapters vanish, are switched off or blocked, are
// deaf until the discovery is restarted or the power cycled; bluetoothd ends,
// starts again, hangs, or refuses any call; interfaces are missing, and
// properties have any type.
package fakebluez
