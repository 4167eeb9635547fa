package fakebluez

import "github.com/godbus/dbus/v5"

// handler lets godbus hand every call to BlueZ.answer, whatever its path,
// interface and arguments.
type handler struct{ z *BlueZ }

// LookupObject finds every path.
func (h handler) LookupObject(path dbus.ObjectPath) (dbus.ServerObject, bool) {
	return target{z: h.z, path: path}, true
}

// target is the object, then the interface, then the method that a call is for.
type target struct {
	z             *BlueZ
	path          dbus.ObjectPath
	iface, member string
}

// LookupInterface finds every interface.
func (t target) LookupInterface(name string) (dbus.Interface, bool) { t.iface = name; return t, true }

// LookupMethod finds every method.
func (t target) LookupMethod(name string) (dbus.Method, bool) { t.member = name; return t, true }

// DecodeArguments keeps the arguments as they came, behind the sender.
func (t target) DecodeArguments(_ *dbus.Conn, sender string, _ *dbus.Message, args []any) ([]any, error) {
	return append([]any{sender}, args...), nil
}

// Call hands the call to BlueZ.
func (t target) Call(args ...any) ([]any, error) {
	sender, _ := args[0].(string)
	out, err := t.z.answer(request{sender, t.path, t.iface, t.member, args[1:]})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// NumArguments and the rest are what godbus asks of a method whose arguments it
// decodes by itself.
func (target) NumArguments() int { return 0 }

// NumReturns is not asked for.
func (target) NumReturns() int { return 0 }

// ArgumentValue is not asked for.
func (target) ArgumentValue(int) any { return nil }

// ReturnValue is not asked for.
func (target) ReturnValue(int) any { return nil }

// request is one call of a client.
type request struct {
	sender        string
	path          dbus.ObjectPath
	iface, member string
	args          []any
}

// argument returns argument i of a call if it is there and a T.
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
