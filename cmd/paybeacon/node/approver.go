package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// approver answers offers by the owner's own command: it gets the offer as
// JSON on its standard input and says 0 for approve and 1 for decline.
// Anything else, or taking too long, leaves the offer to a person. With an approval it may
// give a tip, in minor units: a line {"tip":150} first on its standard output.
type approver struct {
	node    *payer
	command string
	rule    pay.Rule
	asked   map[string]said // what the command said
	// retry is when approvals that wait for their device are tried again, however
	// often the feed moves until then.
	retry time.Time
}

const (
	// execTimeout is how long the command may take for an offer. Chosen: the payer
	// stands at the counter.
	execTimeout = 10 * time.Second
	// execAskedMax bounds what is remembered of the command's answers; beyond it the
	// command is asked again. Chosen: more offers than wait at once.
	execAskedMax = 10_000
)

// said is what the command said of an offer: the verdict, "" for none, and the tip.
type said struct {
	verdict pay.Verdict
	tip     pay.Amount
}

func newApprover(n *payer, command string) *approver {
	// The receipt names the rule but not the command, which is nobody's
	// business at the till.
	return &approver{node: n, command: command, rule: "exec", asked: map[string]said{}}
}

func (x *approver) run(ctx context.Context) error {
	changed, stop := x.node.store.WatchSpace(wallet.OpenOffers)
	defer stop()
	for {
		waiting, err := x.answerAll(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var again <-chan time.Time
		if waiting {
			again = time.After(witnessRetry)
		}
		select {
		case <-changed:
		case <-again:
		case <-ctx.Done():
			return nil
		}
	}
}

// answerAll asks the command about each offer once, and gives its word. waiting
// says that an answer waits for a device or for space on the disk.
func (x *approver) answerAll(ctx context.Context) (waiting bool, err error) {
	paused, err := read(ctx, x.node.store, func(v *store.View) (bool, error) { return x.node.wallet.Paused(v, x.node.store.Now()) })
	if err != nil || paused {
		return false, err
	}
	offers, err := x.node.pending(ctx, api.ListRequest{})
	if err != nil {
		return false, err
	}
	late := false // an answer was tried and has to wait
	if len(x.asked) > execAskedMax {
		clear(x.asked)
	}
	for _, p := range offers.Items {
		if p.Asks != "" {
			continue // a person answers, whatever a program says
		}
		offer, increment := p.ID, pay.FactID{}
		if p.Increment != nil {
			offer = p.Increment.ID
			increment, _ = history.WholeID[pay.FactID](offer)
		}
		word, asked := x.asked[offer]
		if asked && word.verdict != "" && time.Now().Before(x.retry) {
			waiting = true
			continue
		}
		if !asked {
			word = x.ask(ctx, p)
			x.asked[offer] = word
		}
		if word.verdict == "" || p.Refusal != "" {
			continue
		}
		_, err := x.node.answer(ctx, p.ID, word.verdict, x.rule, word.tip, &increment)
		switch code := pay.CodeOf(err); {
		case code == "", code == pay.CodeDecided, code == pay.CodeNotFound:
		case canWait(err):
			waiting, late = true, true
			if !asked {
				x.node.Log.Warn("an offer waits", "payment", p.ID[:10], "error", err)
			}
		case code == pay.CodeUpgrade, code == pay.CodeTooMany, code == pay.CodeNotAllowed, code == pay.CodeAmount:
			x.asked[offer] = said{}
			x.node.Log.Warn("the command's answer cannot be given; a person is asked", "payment", p.ID[:10], "error", err)
		default:
			return waiting, err
		}
	}
	if late {
		x.retry = time.Now().Add(witnessRetry)
	}
	return waiting, nil
}

// ask runs the command for one offer and returns what it says.
func (x *approver) ask(ctx context.Context, p api.Payment) said {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	offer, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("paybeacon: internal error: encode offer: %v", err))
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", x.node.RestoreUmask()+x.command)
	cmd.Stdin = bytes.NewReader(append(offer, '\n'))
	cmd.WaitDelay = time.Second
	out := &firstBytes{}
	cmd.Stdout = out
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return said{pay.Approve, tipSaid(p, out.kept)}
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return said{verdict: pay.Decline}
	default:
		x.node.Log.Warn("the command of --approve gave no answer; a person is asked", "payment", p.ID[:10], "error", err)
		return said{}
	}
}

// tipSaid returns the tip that a command gives with an approval: what its first line says,
// if that is a JSON object. Of an increment there is none, nor where the offer takes none.
func tipSaid(p api.Payment, out []byte) pay.Amount {
	var word struct {
		Tip pay.Amount `json:"tip"`
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	if p.TipMax == 0 || p.Increment != nil || json.Unmarshal(line, &word) != nil {
		return 0
	}
	return word.Tip
}

// firstBytes keeps the beginning of what is written to it.
type firstBytes struct{ kept []byte }

// execSaidMax bounds what is read of what the command says. Chosen: more than a tip needs.
const execSaidMax = 256

// Write keeps what there is room for, and takes the rest.
func (b *firstBytes) Write(p []byte) (int, error) {
	b.kept = append(b.kept, p[:min(len(p), execSaidMax-len(b.kept))]...)
	return len(p), nil
}
