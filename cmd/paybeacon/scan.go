package main

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

func scanCommand(ctx context.Context, io stdio) *cli.Command {
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
		sub: []*cli.Command{
			enrolCommand(ctx, io, pay.RoleBox),
			radiosCommand(ctx, io),
			watchCommand(ctx, io),
			calibrateCommand(ctx, io),
			recordCommand(ctx, io),
		},
		run: scan,
	})
}

func radioFlag(verb string) cli.Flag {
	return &cli.StringFlag{Name: "radio", Usage: verb + " `RADIO`: bluez[:hci0[,marker=hci1]], air:DIR or replay:FILE"}
}

func laneFlag() cli.Flag {
	return &cli.StringFlag{Name: "lane", Value: "1", Usage: "`NAME` of the place this box watches"}
}

// nearFlags say what near means.
func nearFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "near", Value: int(ble.NearDefault), Usage: "near from this strength, `dBm` for a beacon of -59 at 1 m"},
		&cli.IntFlag{Name: "far", Value: int(ble.FarDefault), Usage: "no longer near below this strength, `dBm`"},
		&cli.DurationFlag{Name: "dwell", Value: ble.DwellDefault, Usage: "near only after `DUR`"},
		&cli.DurationFlag{Name: "leave", Value: ble.LeaveDefault, Usage: "gone after `DUR` unheard"},
	}
}

// trackerOptions reads what nearFlags ask for.
func trackerOptions(c *call, lane pay.Lane) (o ble.TrackerOptions, err error) {
	o = ble.TrackerOptions{Lane: lane, Dwell: c.flags.Duration("dwell"), Leave: c.flags.Duration("leave"), Margin: ble.MarginDefault}
	if o.Near, err = rssiFlag(c, "near"); err != nil {
		return o, err
	}
	if o.Far, err = rssiFlag(c, "far"); err != nil {
		return o, err
	}
	return o, o.Check()
}

func lane(c *call) (pay.Lane, error) {
	name := pay.Name(c.flags.String("lane"))
	if err := name.Check(); err != nil {
		return "", pay.Wrap(err, pay.CodeUsage, "read --lane", "give it a short name")
	}
	return pay.Lane(name), nil
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
	return runDaemon(c, func(ctx context.Context, s setting) (daemon, error) { return openBox(ctx, s, o) })
}

// rssiFlag reads a strength in dBm.
func rssiFlag(c *call, name string) (pay.RSSI, error) {
	v := c.flags.Int(name)
	if v < math.MinInt8 || v > 20 {
		return 0, pay.NewError(pay.CodeUsage, "--"+name+" is no strength in dBm", "write it like --"+name+" -65")
	}
	return pay.RSSI(v), nil
}

// listener is a command that listens for a while and needs no node.
type listener struct {
	*call
	setting
	spec radioSpec
	// limit ends it by itself; 0 means never.
	limit time.Duration
}

func forFlag(usage string) cli.Flag {
	return &cli.DurationFlag{Name: "for", Usage: usage, DefaultText: "when interrupted"}
}

// newListener reads --radio and --for. The radio's own log goes to log.
func newListener(c *call, log *slog.Logger) (listener, error) {
	l := listener{call: c, limit: c.flags.Duration("for")}
	var err error
	if l.spec, err = parseRadio(c.flags.String("radio")); err != nil {
		return l, err
	}
	if c.flags.IsSet("for") && l.limit <= 0 {
		return l, pay.NewError(pay.CodeUsage, "--for is not above zero", "write it like --for 30s")
	}
	if l.clock, err = clockFromEnv(); err != nil {
		return l, err
	}
	l.setting.log = log
	return l, nil
}

// positiveCount reads --count, which is 0 where it is not given.
func positiveCount(c *call) (int, error) {
	n := c.flags.Int("count")
	if c.flags.IsSet("count") && n <= 0 {
		return 0, pay.NewError(pay.CodeUsage, "--count is not above zero", "write it like --count 10")
	}
	return n, nil
}

// listen opens the radio, feeds each advert to hear and runs show beside it.
// It ends when show returns, when the time is over or when it is interrupted,
// all of which are no errors, and when the radio fails, which is one.
func (l listener) listen(health func(ble.Health), hear func(ble.Advert), show func(ctx context.Context) error) error {
	r, err := openRadio(l.ctx, l.setting, l.spec, radioOptions{rssi: radioSilent, health: health})
	if err != nil {
		return err
	}
	defer r.close()
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	if l.limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, l.limit)
		defer cancel()
	}
	scanned := make(chan error, 1)
	go func() {
		scanned <- r.scanner.Scan(ctx, hear)
		cancel()
	}()
	shown := show(ctx)
	cancel()
	if err := <-scanned; err != nil {
		return err
	}
	return shown
}
