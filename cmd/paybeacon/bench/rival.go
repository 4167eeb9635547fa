package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// howToRival says how the figures beside PostgreSQL are had.
const howToRival = "`make bench-rivals` measures it, where PostgreSQL is installed (apt-get install postgresql)"

// rival is the process of a program that makes the same payments in another way, as
// bench/rival does with PostgreSQL. It obeys orders, one a line.
type rival struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// rivalled is what a rival answers: of its payments, how long one takes, and the CPU
// time of its server for one.
type rivalled struct {
	Paid      int     `json:"paid"`
	Seconds   float64 `json:"seconds"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	ServerCPU float64 `json:"server_cpu_us"`
}

// openRival starts a rival and waits until it is ready.
func openRival(program string) (*rival, error) {
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the rival: %w", err)
	}
	r := &rival{cmd, in, bufio.NewReader(out)}
	if _, err := r.out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("wait for the rival: %w", err), r.close())
	}
	return r, nil
}

// order has the rival obey, and returns its answer.
func (r *rival) order(format string, args ...any) (a rivalled, err error) {
	if _, err := fmt.Fprintf(r.in, format+"\n", args...); err != nil {
		return a, fmt.Errorf("order the rival: %w", err)
	}
	line, err := r.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err == nil && a.Paid == 0 {
		err = errors.New("it paid nothing")
	}
	if err != nil {
		return a, fmt.Errorf("read what the rival did: %w", err)
	}
	return a, nil
}

// close ends the rival, which ends its PostgreSQL.
func (r *rival) close() error { return errors.Join(r.in.Close(), r.cmd.Wait()) }

// rivalRounds are what a rival did in all rounds.
type rivalRounds struct{ alone, many []rivalled }

// round lets the rival do what a shop does in a round.
func (r *rivalRounds) round(ctx context.Context, with *rival, during time.Duration) error {
	one, err := with.order("alone %d", payAlone)
	if err != nil {
		return err
	}
	many, err := with.order("load %d %s", payInFlight, during)
	r.alone, r.many = append(r.alone, one), append(r.many, many)
	return errors.Join(err, ctx.Err())
}

// mean returns the mean of what each round gave.
func mean(rounds []rivalled, of func(rivalled) float64) float64 {
	sum := 0.0
	for _, r := range rounds {
		sum += of(r)
	}
	return sum / float64(max(1, len(rounds)))
}

// figuresBeside are what this program did beside the rival.
func figuresBeside(p paid, r rivalRounds) []figure {
	const them = "PostgreSQL + HTTP/2"
	serverCPU := func(r rivalled) float64 { return r.ServerCPU }
	perSecond := func(cpu float64) float64 { return 1e6 / cpu }
	s1 := atMost("S1", "one payment alone, known to both, p50", "ms", millis(quantile(p.both, 0.5)), mean(r.alone, func(r rivalled) float64 { return r.P50 }), them, 1)
	return []figure{
		s1,
		atLeast("S3", "payments a second, 64 in flight", "/s", p.many.rate(), mean(r.many, func(r rivalled) float64 { return float64(r.Paid) / r.Seconds }), them, 0),
		atLeast("S5", "payments a CPU second of the server, 64 in flight", "", perSecond(p.many.perPayment(roleRegistry)), perSecond(mean(r.many, serverCPU)), them, 3),
		atLeast("S5", "payments a CPU second of the server, one alone", "", perSecond(micros(p.cpu)/float64(max(1, len(p.both)))), perSecond(mean(r.alone, serverCPU)), them, 1.5),
	}
}
