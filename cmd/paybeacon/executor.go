package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// executor answers offers by the owner's own command: it gets the offer as
// JSON on its standard input and says 0 for approve and 1 for decline.
// Anything else, or taking too long, leaves the offer to a person.
type executor struct {
	node  *walletNode
	rule  pay.Rule
	asked map[string]bool // offers that the command has seen
}

const (
	execTimeout  = 10 * time.Second
	execAskedMax = 10_000
)

func newExecutor(n *walletNode) *executor {
	// The receipt names the rule but not the command, which is nobody's
	// business at the till.
	return &executor{node: n, rule: "exec", asked: map[string]bool{}}
}

func (x *executor) run(ctx context.Context) error {
	changed, stop := x.node.store.WatchAll()
	defer stop()
	for {
		if err := x.answerAll(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil
		}
	}
}

func (x *executor) answerAll(ctx context.Context) error {
	answer, err := x.node.pending(ctx, noQuery{})
	if err != nil {
		return err
	}
	offers := answer.(listAnswer[paymentJSON]).Items
	if len(x.asked) > execAskedMax {
		clear(x.asked)
	}
	for _, p := range offers {
		if x.asked[p.ID] {
			continue
		}
		x.asked[p.ID] = true
		verdict, ok := x.ask(ctx, p)
		if !ok {
			continue
		}
		_, err := x.node.say(ctx, p.ID, verdict, x.rule)
		switch pay.CodeOf(err) {
		case "", pay.CodeDecided, pay.CodeNotFound:
		case pay.CodeUpgrade, pay.CodeTooMany:
			x.node.log.Warn("the command's answer cannot be given; a person is asked", "payment", p.ID[:10], "error", err)
		default:
			return err
		}
	}
	return nil
}

// ask runs the command for one offer.
func (x *executor) ask(ctx context.Context, p paymentJSON) (v pay.Verdict, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	offer, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("paybeacon: internal error: encode offer: %v", err))
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", x.node.command)
	cmd.Stdin = bytes.NewReader(append(offer, '\n'))
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return pay.Approve, true
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return pay.Decline, true
	default:
		x.node.log.Warn("the command of --approve gave no answer; a person is asked", "payment", p.ID[:10], "error", err)
		return "", false
	}
}
