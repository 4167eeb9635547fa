//go:build linux

package bluez

import (
	"context"
	"errors"
	"sync"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"
	library "github.com/muka/go-bluetooth/bluez"
	"github.com/sirupsen/logrus"
)

const (
	service    = "org.bluez"
	ifaceProps = "org.freedesktop.DBus.Properties"
	ifaceTree  = "org.freedesktop.DBus.ObjectManager"
	ifaceBus   = "org.freedesktop.DBus"

	ifaceDevice = "org.bluez.Device1"
)

// libraryLock guards what go-bluetooth keeps for the whole process without a
// guard of its own: the connection to the system bus. It is held only while
// that is looked up, never during a call.
var libraryLock sync.Mutex

// connection returns go-bluetooth's connection to the system bus. The library
// keeps a connection that has ended; this has it make another.
func connection() (*dbus.Conn, error) {
	libraryLock.Lock()
	defer libraryLock.Unlock()
	return connectLocked()
}

func connectLocked() (*dbus.Conn, error) {
	logrus.SetLevel(logrus.ErrorLevel)
	conn, err := library.GetConnection(library.SystemBus)
	if err != nil || conn.Connected() {
		return conn, err
	}
	_ = library.CloseConnections() // it has ended by itself, which is no news
	return library.GetConnection(library.SystemBus)
}

// object returns go-bluetooth's client for one interface at path, connected.
// The constructors of its generated stubs are not used: they read every
// property into a struct, panic on one of an unexpected type, and lose the name
// of an error; and their calls end only when bluetoothd answers.
func object(path dbus.ObjectPath, iface string) (dbus.BusObject, error) {
	libraryLock.Lock()
	defer libraryLock.Unlock()
	if _, err := connectLocked(); err != nil {
		return nil, err
	}
	c := library.NewClient(&library.Config{Name: service, Iface: iface, Path: path, Bus: library.SystemBus})
	if err := c.Connect(); err != nil {
		return nil, err
	}
	return c.GetDbusObject(), nil
}

// call calls one method of BlueZ and waits for the answer, no longer than
// limits.answer.
func (r *Radio) call(ctx context.Context, path dbus.ObjectPath, iface, method string, args ...any) error {
	return r.ask(ctx, path, iface, iface+"."+method, args...).Err
}

// ask is call for a method that returns something. method is its full name;
// iface is the one that the object is there for.
func (r *Radio) ask(ctx context.Context, path dbus.ObjectPath, iface, method string, args ...any) *dbus.Call {
	o, err := object(path, iface)
	if err != nil {
		return &dbus.Call{Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.limits.answer, errNoAnswer)
	defer cancel()
	// A bluetoothd that somebody ended is not started by asking it.
	c := o.CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
	if errors.Is(c.Err, context.DeadlineExceeded) {
		c.Err = context.Cause(ctx)
	}
	return c
}

// properties reads all properties of one interface at path.
func (r *Radio) properties(ctx context.Context, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	return answer[map[string]dbus.Variant](r.ask(ctx, path, iface, ifaceProps+".GetAll", iface))
}

// answer returns what a call returned, if it is one T. godbus's Store would
// convert what is not, by rules of its own.
func answer[T any](c *dbus.Call) (T, error) {
	var none T
	if c.Err != nil {
		return none, c.Err
	}
	if len(c.Body) == 1 {
		if v, ok := c.Body[0].(T); ok {
			return v, nil
		}
	}
	return none, errOddAnswer
}

// setProperty sets one property of an interface at path.
func (r *Radio) setProperty(ctx context.Context, path dbus.ObjectPath, iface, name string, value any) error {
	return r.ask(ctx, path, iface, ifaceProps+".Set", iface, name, dbus.MakeVariant(value)).Err
}

// export shows v at path. godbus looks up what is shown without its own lock
// when something is withdrawn, so both are done under ours.
func export(conn *dbus.Conn, v any, path dbus.ObjectPath, iface string) error {
	libraryLock.Lock()
	defer libraryLock.Unlock()
	return conn.Export(v, path, iface)
}

func exportProperties(conn *dbus.Conn, path dbus.ObjectPath, p prop.Map) error {
	libraryLock.Lock()
	defer libraryLock.Unlock()
	_, err := prop.Export(conn, path, p)
	return err
}

// withdraw takes an object off the bus, which fails only for a bad path.
func withdraw(conn *dbus.Conn, path dbus.ObjectPath, iface string) {
	_ = export(conn, nil, path, iface)
}
