package bench

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// benchmark is one figure of the product, measured beside a yardstick in the
// same run: on a noisy machine only their ratio means something.
type benchmark struct {
	name string
	what string
	run  func(ctx context.Context, dir string) ([]figure, error)
	// gives are the names of the figures, where that is not the benchmark's.
	gives []string
	// asked means that it takes minutes, and runs only when it is named.
	asked bool
}

// named reports whether a benchmark is meant by a name: its own, or that of a figure.
func (b benchmark) named(name string) bool {
	return strings.EqualFold(b.name, name) || slices.ContainsFunc(b.gives, func(g string) bool { return strings.EqualFold(g, name) })
}

// options are what the flags say of all benchmarks.
type options struct {
	traces  string        // recordings
	against string        // another build of this program, "" for none
	rival   string        // a program that does the same in another way, "" for none
	during  time.Duration // of each load

	queued, payments, wallets int // of S12, of registries that are large, and of S8
}

type machineJSON struct {
	V      int    `json:"v"`
	Type   string `json:"type"`
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	System string `json:"system"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func benchmarks(o options) []benchmark {
	floor := benchFloor{worlds: 1_000, minutes: 300, composed: 3_000, charges: 12_000, links: 20, traces: o.traces}
	return []benchmark{
		{"pay", "payments through real processes (S1, S2, S2b, S3, S5, S13)", benchPayments{o.against, o.rival, o.during}.run, []string{"S1", "S2", "S2b", "S3", "S5", "S13"}, false},
		{"S12", "charges that waited at a box without its registry", benchQueue{o.queued}.run, nil, false},
		{"idle", "between payments: coming near, coming back, nothing at all (S10, S16, S17)", benchIdle{2 * o.during}.run, []string{"S10", "S16", "S17"}, false},
		{"S8", "many idle wallets", benchSessions{o.wallets, 2 * o.during}.run, nil, false},
		{"large", "a registry with many payments (S9, S14, S15)", benchLarge{o.payments}.run, []string{"S9", "S14", "S15"}, false},
		{"S4", "durable commits with 64 writers", benchGroupCommit, nil, false},
		{"S6", "code look-up among a million devices, and their next window (S7)", benchCodeLookup, []string{"S6", "S7"}, false},
		{"S11", "adverts through the bus, the radio and the tracker", benchRadio, nil, false},
		{"audit", "how fast a registry is audited, and how much memory that takes", benchAudits{small: 500, large: o.payments}.audit, nil, false},
		{"near", "how soon a till is told who is near, in a simulated floor", floor.near, nil, true},
		{"crowd", "how often a charge means the wrong one or nobody: simulated, and from traces", floor.crowd, nil, true},
		{"wormhole", "a code carried from one stall to another, by a seeded model", benchWormhole, nil, true},
	}
}

// Command is the command that measures: `bench`.
func Command(ctx context.Context, io cli.Stdio) *cli.Command {
	var names []string
	for _, b := range benchmarks(options{}) {
		names = append(names, fmt.Sprintf("%-8s  %s\n", b.name, b.what))
	}
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "bench", Usage: "measure this machine", Args: []string{"NAME..."},
		Long: "Each figure stands beside a yardstick measured in the same run; trust the ratio.\n" + strings.Join(names, "") + "Without a name all run but near, crowd and wormhole, which take minutes.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "against", Usage: "measure payments by turns with another build, `PROGRAM`"},
			&cli.StringFlag{Name: "rival", Usage: "measure payments by turns with bin/rival, or another `PROGRAM` like it"},
			&cli.DurationFlag{Name: "during", Value: 4 * time.Second, Usage: "how long each load of payments lasts: `DUR`"},
			&cli.IntFlag{Name: "queued", Value: 2_000, Usage: "`N` charges wait at the box of S12"},
			&cli.IntFlag{Name: "payments", Value: 5_000, Usage: "`N` payments of a large registry"},
			&cli.IntFlag{Name: "wallets", Value: 1_000, Usage: "`N` idle wallets of S8"},
			&cli.StringFlag{Name: "skel", Hidden: true, Usage: "be the registry of a skeleton in `DIR`"},
			&cli.StringFlag{Name: "dir", Usage: "measure the disk under `DIR` (default: the temporary directory)"},
			&cli.StringFlag{Name: "traces", Usage: "compose crowds of the recordings in `FILE`", DefaultText: "$" + tracesEnv + ", or " + tracesBeside},
		},
		Run: bench,
	})
}

func bench(c *cli.Call) error {
	if dir := c.Flags.String("skel"); dir != "" {
		return serveSkel(c, dir)
	}
	during, err := cli.PositiveDuration(c, "during")
	if err != nil {
		return err
	}
	all := benchmarks(options{tracesNamed(c.Flags.String("traces")), c.Flags.String("against"), c.Flags.String("rival"), during.Std(), c.Flags.Int("queued"), c.Flags.Int("payments"), c.Flags.Int("wallets")})
	chosen := slices.DeleteFunc(slices.Clone(all), func(b benchmark) bool { return b.asked })
	if c.Flags.NArg() > 0 {
		chosen = nil
		for _, name := range c.Flags.Args().Slice() {
			i := slices.IndexFunc(all, func(b benchmark) bool { return b.named(name) })
			if i < 0 {
				return pay.NewError(pay.CodeNotFound, fmt.Sprintf("there is no benchmark %q", text.Printable(name)), "`paybeacon bench --help` names them")
			}
			chosen = append(chosen, all[i])
		}
	}
	dir, err := os.MkdirTemp(c.Flags.String("dir"), "paybeacon-bench-")
	if err != nil {
		return pay.Wrap(err, pay.CodeConfig, "make a temporary directory", "name one that you may write to with --dir")
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m := machine()
	if err := c.Answer(m, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "machine  %s, %d cores, %s, kernel %s, %s\n", m.CPU, m.Cores, m.System, m.Kernel, m.Go)
	}); err != nil {
		return err
	}
	for _, b := range chosen {
		if !c.JSON {
			_, _ = fmt.Fprintf(c.Out, "\n%s  %s\n", b.name, b.what)
		}
		figures, err := b.run(c.Ctx, dir)
		if err != nil {
			return fmt.Errorf("bench %s: %w", b.name, err)
		}
		for _, f := range figures {
			f.V, f.Type, f.Name, f.of = 1, "figure", cmp.Or(f.Name, b.name), b.name
			if err := c.Answer(f, func(w io.Writer) { printFigure(w, f) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func machine() machineJSON {
	m := machineJSON{V: 1, Type: "machine", CPU: "unknown", Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return m
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, ok := strings.CutPrefix(s.Text(), "model name"); ok {
			m.CPU = strings.TrimLeft(name, "\t :")
			break
		}
	}
	return m
}
