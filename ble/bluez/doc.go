//go:build linux

// Package bluez is the real radio: BlueZ, over its D-Bus interface. Nothing
// else in the product speaks D-Bus.
//
// # Flow
//
// Calls go through the generated stubs of go-bluetooth, which share the
// process's one connection to the system bus. Signals come over a connection of
// our own with one match rule for the whole adapter, in order. First sight of a
// device is InterfacesAdded, every later advert PropertiesChanged on its path;
// both become a ble.Advert. Every property is read with a checked assertion, as
// BlueZ's types differ between versions.
//
// Discovery alone leaves the controller's duplicate filter on, and a steady
// beacon is then heard about once in ten seconds. An advertisement monitor
// registered beside it switches the filter off. It needs BlueZ's experimental
// interfaces; without them the radio works, slowly, and says so once.
//
// # Guarantees
//
// Scan heals itself: when bluetoothd restarts, the adapter comes back or
// somebody stops the discovery, it begins anew, and it never ends before its
// context except when it cannot begin at all. Advertise is not connectable and
// gets a fresh random address for each call, so that code and address change
// together; on a discoverable adapter, whose public address would go out, it
// refuses.
package bluez
