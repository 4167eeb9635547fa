package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/simbank"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stripe"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/acquirer"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// AcquirerOptions say which acquirers a registry calls.
type AcquirerOptions struct {
	// Sim is whether the simulated provider is called. SimFile is where it keeps what it
	// did; "" for a file of its own in the registry's directory.
	Sim     bool
	SimFile string
	// StripeKey is the API key with which Stripe is called; "": it is not. StripeURL is
	// where; "" for Stripe's own.
	StripeKey, StripeURL string
}

// provider is an acquirer that a registry calls.
type provider struct {
	acquirer.Acquirer
	test  bool
	close func() error
}

// providers are those that a registry calls.
type providers map[pay.Acquirer]provider

// openProviders opens what the options name. Its errors are *pay.Error.
func openProviders(dir datadir.Dir, o AcquirerOptions) (all providers, err error) {
	all = providers{}
	if o.Sim {
		p, err := openSim(dir, o.SimFile)
		if err != nil {
			return nil, err
		}
		all[pay.AcquirerSim] = p
	}
	if o.StripeKey != "" {
		c, err := stripe.New(stripe.Options{Key: o.StripeKey, URL: o.StripeURL})
		if err != nil {
			all.close()
			return nil, pay.Wrap(err, pay.CodeConfig, "set up Stripe", "look at --stripe-key-file and --stripe-url")
		}
		all[pay.AcquirerStripe] = provider{c, !c.Live(), func() error { return nil }}
	}
	return all, nil
}

// openSim opens the simulated provider, by default in a folder of its own: a real one
// would remember what it did wherever the registry's store is put back to.
func openSim(dir datadir.Dir, file string) (provider, error) {
	if file == "" {
		file = dir.Path(filepath.Join("sim-provider", "calls.jsonl"))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return provider{}, pay.Wrap(err, pay.CodeConfig, "make the simulated provider's folder", "let it be made in the registry's directory, or name a file with --acquirer sim:FILE")
		}
	}
	b, err := simbank.Open(simbank.Options{File: file})
	switch {
	case errors.Is(err, simbank.ErrInUse):
		return provider{}, pay.Wrap(err, pay.CodeInUse, "open the simulated provider", "stop the process that has it open, or name another file with --acquirer sim:FILE")
	case err != nil:
		return provider{}, pay.Wrap(err, pay.CodeConfig, "open the simulated provider", "name a file that you may write with --acquirer sim:FILE; what it holds is one call a line")
	}
	return provider{b, true, b.Close}, nil
}

func (all providers) close() {
	for _, p := range all {
		_ = p.close()
	}
}

// known is what the role is told of the acquirers.
func (all providers) known() map[pay.Acquirer]registry.Acquirer {
	known := make(map[pay.Acquirer]registry.Acquirer, len(all))
	for name, p := range all {
		known[name] = registry.Acquirer{Test: p.test}
	}
	return known
}

// notCalled is the error for a call to an acquirer that this registry was not started with.
func notCalled(a pay.Acquirer) error {
	return fmt.Errorf("this registry was not started to call %s (serve --acquirer %s): %w", a, a, acquirer.ErrNoAnswer)
}
