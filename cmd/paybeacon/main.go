// Command paybeacon is hands-free payment for closed loops: the registry
// (serve), the merchant's box (scan, till), the payer's wallet (wallet), the
// device (beacon) and the tools around them, in one program.
//
// Nothing here decides about money. A command turns flags into an options
// struct and calls one function; a daemon assembles a node from the packages
// that do decide (daemon.go) and answers commands over its control socket
// (control.go). stdout is the answer, stderr is talk, and the exit status is
// chosen in one place (exit.go).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
)

func main() {
	// quic-go would print a warning about socket buffers over a terminal.
	_ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	io := cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	exit := cli.Run(ctx, os.Args, io, commands(ctx, io))
	stop()
	os.Exit(exit)
}
