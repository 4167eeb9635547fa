package fakebluez

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Package is the name of the Debian package with the dbus-daemon.
const Package = "dbus-daemon"

// ErrNoDaemon means that this machine has no dbus-daemon.
var ErrNoDaemon = errors.New("there is no dbus-daemon; install the package " + Package)

// config allows every call, and queues without a practical limit, so that no
// signal of a burst is lost. The limits are in bytes and connections. Chosen:
// larger than any burst of the tests.
const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=%s</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_type="method_return"/><allow send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="signal"/>
    <allow receive_type="method_return"/><allow receive_type="error"/>
  </policy>
  <limit name="max_incoming_bytes">1000000000</limit>
  <limit name="max_outgoing_bytes">1000000000</limit>
  <limit name="max_connections_per_user">1000</limit>
  <limit name="max_completed_connections">1000</limit>
</busconfig>
`

// Bus is a private message bus.
type Bus struct {
	// Address is the value for DBUS_SYSTEM_BUS_ADDRESS.
	Address string
	socket  string
	command *exec.Cmd
	output  io.ReadCloser
}

// StartBus starts a dbus-daemon on a socket in dir, whose path must be short.
// The caller closes the bus. It returns ErrNoDaemon if there is no dbus-daemon;
// other errors, of the file or the process, match no sentinel.
func StartBus(dir string) (*Bus, error) {
	program, err := exec.LookPath("dbus-daemon")
	if err != nil {
		return nil, ErrNoDaemon
	}
	socket, file := filepath.Join(dir, "bus"), filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, socket), 0o600); err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	b := &Bus{Address: "unix:path=" + socket, socket: socket}
	b.command = exec.Command(program, "--config-file="+file, "--nofork", "--nopidfile", "--nosyslog", "--print-address=1")
	var stderr strings.Builder
	b.command.Stderr = &stderr
	if b.output, err = b.command.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	if err := b.command.Start(); err != nil {
		return nil, fmt.Errorf("start bus: %w", err)
	}
	// The daemon writes its address when it accepts connections.
	if _, err := bufio.NewReader(b.output).ReadString('\n'); err != nil {
		b.Close()
		return nil, fmt.Errorf("start bus: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return b, nil
}

// Close ends the bus and with it every connection to it.
func (b *Bus) Close() {
	_ = b.command.Process.Kill() // fails only if it has ended
	_ = b.command.Wait()
}

// wire is a connection's socket. godbus writes each message with one call of
// Write, so encoded messages may be written between them.
type wire struct {
	net.Conn
	mu sync.Mutex
}

// Write writes p in one piece. It returns the error of the socket.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Conn.Write(p)
}

func (b *Bus) connect(o ...dbus.ConnOption) (*dbus.Conn, *wire, error) {
	socket, err := net.Dial("unix", b.socket)
	if err != nil {
		return nil, nil, err
	}
	w := &wire{Conn: socket}
	conn, err := dbus.NewConn(w, o...)
	if err != nil {
		return nil, nil, errors.Join(err, socket.Close())
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, w, nil
}
