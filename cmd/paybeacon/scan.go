package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

// scanCommand is `scan`; survey are the commands below it that look at the air.
func scanCommand(ctx context.Context, io stdio, survey ...*cli.Command) *cli.Command {
	flags := []cli.Flag{
		dataFlag(),
		radioFlag("listen with"),
		&cli.StringFlag{Name: "server", Usage: "the registry at `HOST:PORT` (default: where it was at enrolment)"},
		laneFlag(),
	}
	flags = append(flags, nearFlags()...)
	flags = append(flags, &cli.StringFlag{Name: "http", Usage: "/healthz and /readyz on `HOST:PORT` (default: none)"})
	return newLeaf(ctx, io, leaf{
		name: "scan", usage: "run the merchant's box: hear who is near and take charges",
		flags: flags,
		sub:   append([]*cli.Command{enrolCommand(ctx, io, pay.RoleBox)}, survey...),
		run:   scan,
	})
}

func scan(c *call) error {
	f := c.flags
	lane, err := lane(c)
	if err != nil {
		return err
	}
	track, err := trackerOptions(c, lane)
	if err != nil {
		return err
	}
	spec, err := parseRadio(f.String("radio"))
	if err != nil {
		return err
	}
	o := boxOptions{radio: spec, server: f.String("server"), http: f.String("http"), track: track}
	return runNode(c, func(ctx context.Context, s setting) (daemon, error) { return openBox(ctx, s, o) })
}
