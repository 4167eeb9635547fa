package fakebluez

import (
	"context"
	"time"

	"github.com/godbus/dbus/v5"
)

func (a *Adapter) hasMonitors() bool {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	return !a.monitorsOff
}

// watchCall answers the calls of AdvertisementMonitorManager1.
func (a *Adapter) monitorCall(r request) *dbus.Error {
	root, ok := argument[dbus.ObjectPath](r, 0)
	if !ok {
		return errArguments
	}
	key := r.sender + string(root)
	a.z.mu.Lock()
	conn, registered := a.z.conn, a.monitors[key] != ""
	a.z.mu.Unlock()
	switch {
	case r.member == "UnregisterMonitor" && registered:
		a.z.mu.Lock()
		defer a.z.mu.Unlock()
		delete(a.monitors, key)
		a.z.notifyLocked()
		return nil
	case r.member == "UnregisterMonitor":
		return failure("DoesNotExist", "Does Not Exist")
	case r.member != "RegisterMonitor":
		return busFailure("UnknownMethod", "no such method")
	case registered:
		return failure("AlreadyExists", "Already Exists")
	case conn == nil || !a.readMonitors(conn, r.sender, root):
		return failure("Failed", "the monitor cannot be read")
	}
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	a.monitors[key] = r.sender
	a.z.notifyLocked()
	return nil
}

// readMonitors reads the monitors below root and reports whether there is one
// that BlueZ would activate and whose Activate succeeds.
func (a *Adapter) readMonitors(conn *dbus.Conn, client string, root dbus.ObjectPath) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := conn.Object(client, root).CallWithContext(ctx, ifaceTree+".GetManagedObjects", 0)
	if c.Err != nil || len(c.Body) != 1 {
		return false
	}
	// The body is used directly, because godbus's Store would convert the types.
	tree, _ := c.Body[0].(map[dbus.ObjectPath]map[string]Properties)
	for path, interfaces := range tree {
		p := interfaces[ifaceMonitor]
		if p["Type"].Value() == "or_patterns" && p["Patterns"].Signature().String() == "a(yyay)" {
			return conn.Object(client, path).CallWithContext(ctx, ifaceMonitor+".Activate", 0).Err == nil
		}
	}
	return false
}

// ReleaseMonitors ends every monitor and calls Release of their owners.
func (a *Adapter) ReleaseMonitors() {
	a.z.mu.Lock()
	defer a.z.mu.Unlock()
	for key, client := range a.monitors {
		if a.z.conn != nil {
			path := dbus.ObjectPath(key[len(client):] + "/beacon")
			a.z.conn.Object(client, path).Go(ifaceMonitor+".Release", dbus.FlagNoReplyExpected, nil)
		}
		delete(a.monitors, key)
	}
	a.z.notifyLocked()
}
