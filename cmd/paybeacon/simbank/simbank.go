package simbank

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
)

const (
	// operationsMax bounds what the provider remembers. Chosen: a thousand payments a day
	// for a year, in a few hundred megabytes of memory.
	operationsMax = 1_000_000
	// lineMax bounds a line of the file.
	lineMax = 8 << 10
	// slowDefault is how long an answer to sim-slow takes. Chosen: longer than a cashier
	// likes to wait, shorter than any time-out.
	slowDefault = 3 * time.Second
	// silentName is the file that keeps the provider from answering.
	silentName = "silent"
)

// Options say where the provider keeps what it did.
type Options struct {
	// File is made where there is none, its folder must exist.
	File string
	// Slow is how long an answer to the token sim-slow takes; 0: 3 s.
	Slow time.Duration
}

// Bank is the provider and its client in one.
type Bank struct {
	options Options

	mu     sync.Mutex
	file   *os.File
	end    int64 // where the next line goes
	ledger ledger
	asked  map[acquirer.Key]int // how often, by this process
}

var _ acquirer.Acquirer = (*Bank)(nil)

// ErrInUse means that another process has the provider's file open.
var ErrInUse = errors.New("the simulated provider's file is in use by another process")

// Open returns the provider that keeps what it did in a file. A last line that was cut
// short, as by a crash before its answer, is dropped. It fails when the file is in use,
// cannot be read or holds what the provider never wrote.
func Open(o Options) (*Bank, error) {
	if o.Slow == 0 {
		o.Slow = slowDefault
	}
	f, err := os.OpenFile(o.File, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open simulated provider: %w", err)
	}
	b := &Bank{options: o, file: f, ledger: newLedger(), asked: map[acquirer.Key]int{}}
	if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err == nil {
		err = b.load()
	}
	if err == nil {
		err = syncDir(filepath.Dir(o.File))
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open simulated provider %s: %w", o.File, err)
	}
	return b, nil
}

// load reads the file and cuts off a last line that is not whole.
func (b *Bank) load() error {
	in := bufio.NewReaderSize(b.file, lineMax)
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		var o operation
		if err := dec.Decode(&o); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := b.ledger.apply(o); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		b.end += int64(len(line))
	}
	return b.file.Truncate(b.end)
}

// syncDir makes a new name in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Close closes the file. No call may be under way.
func (b *Bank) Close() error { return b.file.Close() }

// Do implements acquirer.Acquirer.
func (b *Bank) Do(ctx context.Context, c acquirer.Call, t pay.Token) (acquirer.Answer, error) {
	if err := c.Check(); err != nil {
		return acquirer.Answer{}, fmt.Errorf("ask simulated provider: %w: %w", err, acquirer.ErrNoAnswer)
	}
	if err := b.reach(ctx); err != nil {
		return acquirer.Answer{}, err
	}
	o, m, times, err := b.carryOut(c, t)
	if err != nil {
		return acquirer.Answer{}, err
	}
	return b.reply(ctx, o, m, times)
}

// carryOut returns the operation that stands under the key of a call, the mode of its
// token, and how often the call was made. It makes the operation when there is none.
func (b *Bank) carryOut(c acquirer.Call, t pay.Token) (o operation, m mode, times int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o, known := b.ledger.ops[c.Key]
	switch {
	case known && !o.is(c):
		return o, m, 0, fmt.Errorf("ask simulated provider: %w", acquirer.ErrKeyUsed)
	case !known && len(b.ledger.ops) >= operationsMax:
		return o, m, 0, fmt.Errorf("ask simulated provider: it remembers %d calls and takes no more: %w", operationsMax, acquirer.ErrNoAnswer)
	case !known:
		o = b.ledger.decide(c, t)
		if err := b.write(o); err != nil {
			return o, m, 0, fmt.Errorf("ask simulated provider: %w: %w", err, acquirer.ErrNoAnswer)
		}
		b.asked[c.Key]++
	case b.asked[c.Key] < 3: // it was asked by a process before, if not by this one
		b.asked[c.Key] = max(2, b.asked[c.Key]+1)
	}
	if m = o.Mode; o.Verb != acquirer.Authorise && b.ledger.auths[o.Of] != nil {
		m = b.ledger.auths[o.Of].mode
	}
	return o, m, b.asked[c.Key], nil
}

// write makes an operation durable and takes it in. Where it fails nothing was done: the
// next line is written over what may stand of this one.
func (b *Bank) write(o operation) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if _, err := b.file.WriteAt(line, b.end); err != nil {
		return errors.Join(err, b.file.Truncate(b.end))
	}
	if err := b.file.Sync(); err != nil {
		return errors.Join(err, b.file.Truncate(b.end))
	}
	b.end += int64(len(line))
	return b.ledger.apply(o)
}

// reply returns the answer as the mode has it arrive at a call that was made so often.
func (b *Bank) reply(ctx context.Context, o operation, m mode, times int) (acquirer.Answer, error) {
	switch {
	case (m == modeLost || m == modeTwice) && times == 1:
		return acquirer.Answer{}, fmt.Errorf("the answer of the simulated provider was lost: %w", acquirer.ErrNoAnswer)
	case m == modeTwice && times == 2 && o.Approved:
		return acquirer.Decline("do_not_honor"), nil
	case m == modeTwice && times == 2:
		return acquirer.Answer{Approved: true, Reference: "sim_" + acquirer.Reference(o.Key), Amount: o.Amount}, nil
	case m == modeSlow:
		late := time.NewTimer(b.options.Slow)
		defer late.Stop()
		select {
		case <-late.C:
		case <-ctx.Done():
			return acquirer.Answer{}, fmt.Errorf("wait for the simulated provider: %w: %w", ctx.Err(), acquirer.ErrNoAnswer)
		}
	}
	return o.answer(), nil
}

// Look implements acquirer.Acquirer.
func (b *Bank) Look(ctx context.Context, c acquirer.Call, _ pay.Token) (acquirer.Answer, error) {
	if err := b.reach(ctx); err != nil {
		return acquirer.Answer{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	o, known := b.ledger.ops[c.Key]
	switch {
	case !known:
		return acquirer.Answer{}, fmt.Errorf("look at simulated provider: %w", acquirer.ErrNothing)
	case !o.is(c):
		return acquirer.Answer{}, fmt.Errorf("look at simulated provider: %w", acquirer.ErrKeyUsed)
	default:
		return o.answer(), nil
	}
}

// Ping implements acquirer.Acquirer.
func (b *Bank) Ping(ctx context.Context) error { return b.reach(ctx) }

// reach returns an error while the provider is silent, or when ctx has ended.
func (b *Bank) reach(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask simulated provider: %w: %w", ctx.Err(), acquirer.ErrNoAnswer)
	}
	silent := filepath.Join(filepath.Dir(b.options.File), silentName)
	if _, err := os.Lstat(silent); err == nil {
		return fmt.Errorf("the simulated provider is silent as long as there is a file %s: %w", silent, acquirer.ErrNoAnswer)
	}
	return nil
}
