// Command paybeacon is hands-free payment for closed loops: the registry
// (serve), the merchant's box (scan, till), the payer's wallet (wallet), the
// device (beacon) and the tools around them, in one program.
//
// Nothing here decides about money. This package is the tree of commands; the
// packages below it do the rest:
//
//	text     amounts and words for people
//	api      the objects and verbs that scripts and nodes exchange
//	cli      the frame of a command: flags, answers, exit statuses
//	node     the registry, a box, a wallet and a device as values
//	face     the commands of nodes, on a terminal
//	survey   the commands that look at the air
//	doctor   what is wrong with a radio or a node
//	stage    nodes as separate processes, and a thief in the air
//	demo     stories that are played on a stage
//	bench    figures of this machine
//
// A command turns flags into a request and calls one function. stdout is the
// answer, stderr is talk, and the exit status is chosen in one place (cli.Report).
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
	// Writing to a pipe that nobody reads fails like any other write, so that a
	// command can tell on standard error what it did, and a daemon lives. The signal
	// is caught and not ignored, because what is ignored stays so in the programs of
	// the owner that a wallet starts.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	io := cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	exit := cli.Run(ctx, os.Args, io, commandsFor(ctx, io, os.Args))
	stop()
	os.Exit(exit)
}

// endings are the signals that end a command in order. A terminal that closes is one,
// unless the program was started to outlive it, as nohup does.
func endings() []os.Signal {
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		list = append(list, syscall.SIGHUP)
	}
	return list
}
