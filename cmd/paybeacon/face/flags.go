package face

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// secretFlag reads a one-time secret from --NAME or from the file of
// --NAME-file.
func secretFlag(c *cli.Call, name string) (string, error) {
	value, file := c.Flags.String(name), c.Flags.String(name+"-file")
	switch {
	case value != "" && file != "":
		return "", pay.NewError(pay.CodeUsage, fmt.Sprintf("--%s and --%s-file exclude one another", name, name), "give one of them")
	case file == "":
		return value, nil
	}
	return secretFile(c, name+"-file", file)
}

// secretFile reads a secret from the file that a flag names, - for standard input.
func secretFile(c *cli.Call, flag, file string) (string, error) {
	const secretBytesMax = 4 << 10 // Chosen: an invite is far shorter.
	r := c.In
	if file != "-" {
		if err := datadir.LeadsSomewhere(file); err != nil {
			return "", pay.Wrap(err, pay.CodeUsage, "read --"+flag, api.HintOf(err))
		}
		f, err := os.Open(file)
		if err != nil {
			return "", pay.Wrap(err, pay.CodeUsage, "read --"+flag, "name a file that you may read")
		}
		defer func() { _ = f.Close() }()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, secretBytesMax))
	if err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --"+flag, "name a file that you may read")
	}
	secret := strings.TrimSpace(string(raw))
	if secret == "" {
		return "", pay.NewError(pay.CodeUsage, "read --"+flag+": "+text.Printable(file)+" is empty", "look whether the command that was to fill it failed")
	}
	return secret, nil
}
