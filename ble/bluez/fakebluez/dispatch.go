package fakebluez

import "github.com/godbus/dbus/v5"

// handler makes godbus pass every call to BlueZ.answer, whatever its path,
// interface and arguments.
type handler struct{ z *BlueZ }

// LookupObject returns an object for every path.
func (h handler) LookupObject(path dbus.ObjectPath) (dbus.ServerObject, bool) {
	return target{z: h.z, path: path}, true
}

// target is the object, the interface and the method that a call is for, as far
// as godbus has looked them up.
type target struct {
	z             *BlueZ
	path          dbus.ObjectPath
	iface, member string
}

// LookupInterface returns an interface for every name.
func (t target) LookupInterface(name string) (dbus.Interface, bool) { t.iface = name; return t, true }

// LookupMethod returns a method for every name.
func (t target) LookupMethod(name string) (dbus.Method, bool) { t.member = name; return t, true }

// DecodeArguments returns the sender and then the arguments, unchanged. It never
// fails.
func (t target) DecodeArguments(_ *dbus.Conn, sender string, _ *dbus.Message, args []any) ([]any, error) {
	return append([]any{sender}, args...), nil
}

// Call passes the call to BlueZ and returns its answer or its *dbus.Error.
func (t target) Call(args ...any) ([]any, error) {
	sender, _ := args[0].(string)
	out, err := t.z.answer(request{sender, t.path, t.iface, t.member, args[1:]})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// NumArguments is not called. Like the three methods below, it is for methods
// whose arguments godbus decodes itself.
func (target) NumArguments() int { return 0 }

// NumReturns is not called.
func (target) NumReturns() int { return 0 }

// ArgumentValue is not called.
func (target) ArgumentValue(int) any { return nil }

// ReturnValue is not called.
func (target) ReturnValue(int) any { return nil }

// request is one call of a client.
type request struct {
	sender        string
	path          dbus.ObjectPath
	iface, member string
	args          []any
}

// argument returns argument i of a call, and whether it is there and a T.
func argument[T any](r request, i int) (T, bool) {
	var none T
	if i >= len(r.args) {
		return none, false
	}
	v, ok := r.args[i].(T)
	return v, ok
}

func failure(name, text string) *dbus.Error {
	return dbus.NewError("org.bluez.Error."+name, []any{text})
}

func busFailure(name, text string) *dbus.Error {
	return dbus.NewError("org.freedesktop.DBus.Error."+name, []any{text})
}

var (
	errArguments = failure("InvalidArguments", "Invalid arguments in method call")
	errNotReady  = failure("NotReady", "Resource Not Ready")
)
