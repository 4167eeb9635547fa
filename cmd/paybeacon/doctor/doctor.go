package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

// doctor looks at a radio and at a node and says what it found, one finding
// after another, each with what to do about it. It repairs nothing.

// doctorJSON is the last line.
type doctorJSON struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	OK   bool   `json:"ok"` // nothing is bad
	Good int    `json:"good"`
	Warn int    `json:"warn"`
	Bad  int    `json:"bad"`
}

// Command is the command that looks for what is wrong: `doctor`.
func Command(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "doctor", Usage: "look at the radio and the node, and say what is wrong and what to do",
		Long: "With --radio it looks at that radio, with --data at that node and at the radio that its daemon\n" +
			"uses, with neither at this machine's Bluetooth. It changes nothing. Exit code: 0 if nothing is\n" +
			"bad, 11 if only the radio is, else 1.",
		Flags: []cli.Flag{cli.DataFlag(), cli.RadioFlag("look at")},
		Run:   runDoctor,
	})
}

func runDoctor(c *cli.Call) error {
	d := &doctor{Call: c}
	var err error
	if d.now, err = process.Clock(); err != nil {
		return err
	}
	d.dir = datadir.Dir(c.Data())
	var spec radio.Spec
	if c.Flags.IsSet("radio") {
		if spec, err = radio.Parse(c.Flags.String("radio")); err != nil {
			return err
		}
	}
	h, running, err := d.askHealth()
	if err != nil {
		return err
	}
	switch {
	case spec.Kind != "":
		err = d.lookAtRadio(spec, h)
	case running && h.Spec != "":
		if spec, err = radio.Parse(h.Spec); err == nil {
			err = d.lookAtRadio(spec, h)
		}
	case d.dir == "":
		err = d.lookAtRadio(radio.Spec{Kind: radio.BlueZ}, h)
	}
	if err != nil {
		return err
	}
	if d.dir != "" {
		if err := d.lookAtNode(h, running); err != nil {
			return err
		}
	}
	return d.conclude()
}

// askHealth asks the daemon of --data how it is, if there is one.
func (d *doctor) askHealth() (h api.Health, running bool, err error) {
	if d.dir == "" {
		return h, false, nil
	}
	reply, err := node.AskDaemon(d.Ctx, d.dir, api.VerbHealth, api.Nothing{})
	if errors.Is(err, api.ErrNoDaemon) {
		return h, false, nil
	}
	if pay.CodeOf(err) == pay.CodeNotAllowed { // every daemon of this version knows the question
		d.stranger = true
		return h, false, nil
	}
	if err != nil {
		return h, false, err
	}
	return reply.Value, true, nil
}

// conclude prints the last line and turns what is bad into the exit status.
func (d *doctor) conclude() error {
	sum := doctorJSON{V: 1, Type: "doctor", OK: len(d.bad) == 0, Good: d.good, Warn: d.warn, Bad: len(d.bad)}
	if err := d.Answer(sum, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%d good, %d to look at, %d bad\n", sum.Good, sum.Warn, sum.Bad)
	}); err != nil {
		return err
	}
	if sum.OK {
		return nil
	}
	code, worst := pay.CodeRadio, d.bad[0]
	for _, f := range d.bad {
		if f.Area != areaRadio {
			code, worst = pay.CodeFailed, f
			break
		}
	}
	return pay.NewError(code, fmt.Sprintf("%s: %s", worst.Name, worst.Message), worst.Hint)
}
