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

// libraryLock guards go-bluetooth's connection to the system bus, which the
// library shares in the whole process without a lock. It is held while the
// connection is looked up, never during a call.
var libraryLock sync.Mutex

// connection returns go-bluetooth's connection to the system bus. The library
// keeps a connection that has ended; connection makes it open another. It
// returns the error of the connection attempt.
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
	_ = library.CloseConnections() // an error only means that it has ended
	return library.GetConnection(library.SystemBus)
}

// object returns go-bluetooth's connected client for one interface at path. The
// constructors of the generated stubs are not used: they read every property
// into a struct, panic on one of an unexpected type, and drop the name of an
// error; and their calls end only when bluetoothd answers.
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

// call calls one method of BlueZ and waits for the answer, at most
// limits.answerMax. It returns errNoAnswer after that, the error of the
// connection if there is no bus, or the D-Bus error of the method.
func (r *Radio) call(ctx context.Context, path dbus.ObjectPath, iface, method string, args ...any) error {
	return r.request(ctx, path, iface, iface+"."+method, args...).Err
}

// request is call for a method that returns a value. method is its full name,
// iface the interface of the client object.
func (r *Radio) request(ctx context.Context, path dbus.ObjectPath, iface, method string, args ...any) *dbus.Call {
	o, err := object(path, iface)
	if err != nil {
		return &dbus.Call{Err: err}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.limits.answerMax, errNoAnswer)
	defer cancel()
	// NoAutoStart: a call must not start a bluetoothd that a person stopped.
	c := o.CallWithContext(ctx, method, dbus.FlagNoAutoStart, args...)
	if errors.Is(c.Err, context.DeadlineExceeded) {
		c.Err = context.Cause(ctx)
	}
	return c
}

// properties reads all properties of one interface at path. It returns the
// errors of call, and errBadAnswer.
func (r *Radio) properties(ctx context.Context, path dbus.ObjectPath, iface string) (map[string]dbus.Variant, error) {
	return result[map[string]dbus.Variant](r.request(ctx, path, iface, ifaceProps+".GetAll", iface))
}

// result returns the single value of type T that a call returned. It returns
// the error of the call, or errBadAnswer for a value of another type, which
// godbus's Store would convert by rules of its own.
func result[T any](c *dbus.Call) (T, error) {
	var none T
	if c.Err != nil {
		return none, c.Err
	}
	if len(c.Body) == 1 {
		if v, ok := c.Body[0].(T); ok {
			return v, nil
		}
	}
	return none, errBadAnswer
}

// setProperty sets one property of an interface at path. It returns the errors
// of call.
func (r *Radio) setProperty(ctx context.Context, path dbus.ObjectPath, iface, name string, value any) error {
	return r.request(ctx, path, iface, ifaceProps+".Set", iface, name, dbus.MakeVariant(value)).Err
}

// export exports v at path. When an object is removed, godbus reads its table of
// objects without its own lock; so both happen under libraryLock.
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

// withdraw removes an object from the bus. That fails only for an invalid path.
func withdraw(conn *dbus.Conn, path dbus.ObjectPath, iface string) {
	_ = export(conn, nil, path, iface)
}
