package face

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// withoutOptions is what reads the flags of a daemon, for who only wants to know whether
// they can be read.
func withoutOptions[O any](read func(c *cli.Call) (O, error)) func(c *cli.Call) error {
	return func(c *cli.Call) error {
		_, err := read(c)
		return err
	}
}

// ConfigCommand is `config` and all below it: the files in which daemons' flags stand.
func ConfigCommand(ctx context.Context, stdio cli.Stdio) *cli.Command {
	return cli.Group("config", "the file in which a daemon's flags stand", cli.NewLeaf(ctx, stdio, cli.Leaf{
		Name: "check", Usage: "look whether a daemon would start with its file of settings",
		Long: "Each flag of serve, scan, wallet run and beacon run may stand in " + cli.ConfigFile + " in the data\n" +
			"directory, by its name: near = -62, dwell = \"2s\", busy = true, acquirer = [\"sim\"]. What is given\n" +
			"on the command line or in the environment counts for more. In a directory that is no node's\n" +
			"yet the file has to be good for one of the four.",
		Flags: []cli.Flag{cli.DataFlag(), cli.ConfigFlag()},
		Run:   configCheck,
	}))
}

// daemonOf are the leaves that run the node of a role.
func daemonOf(role pay.Role) []cli.Leaf {
	switch role {
	case pay.RoleRegistry:
		return []cli.Leaf{serveLeaf()}
	case pay.RoleBox:
		return []cli.Leaf{scanLeaf()}
	case pay.RoleWallet:
		return []cli.Leaf{walletRunLeaf()}
	case pay.RoleDevice:
		return []cli.Leaf{beaconLeaf()}
	default:
		return []cli.Leaf{serveLeaf(), scanLeaf(), walletRunLeaf(), beaconLeaf()}
	}
}

// furthest returns which of two errors of a file tells more: that of the line further down,
// because a daemon that does not know the first line is not the one that is meant.
func furthest(a, b error) error {
	line := func(err error) int {
		n, _ := api.Describe(err).Extra["line"].(int)
		return n
	}
	if a == nil || line(b) > line(a) {
		return b
	}
	return a
}

func configCheck(c *cli.Call) error {
	if c.Data() == "" {
		return pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	checked := api.ConfigCheck{V: 1, Type: "config", Commands: []string{}}
	var first error
	for _, daemon := range daemonOf(dirOf(c).Role()) {
		file, err := c.CheckConfig(daemon)
		if err != nil {
			first = furthest(first, err)
			continue
		}
		checked.File, checked.Settings = file.Path, make([]string, 0, len(file.Settings))
		for _, s := range file.Settings {
			checked.Settings = append(checked.Settings, s.Key)
		}
		checked.Commands = append(checked.Commands, daemon.Daemon)
	}
	if len(checked.Commands) == 0 {
		return first
	}
	return c.Answer(checked, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s is good for paybeacon %s.\n", text.Printable(checked.File), strings.Join(checked.Commands, ", "))
		if len(checked.Settings) > 0 {
			_, _ = fmt.Fprintf(w, "It sets %s.\n", strings.Join(checked.Settings, ", "))
		}
	})
}
