package sim_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
	"github.com/paybeacon/paybeacon/pay"
)

// station is a forecourt that is worked, and what it told of pump 2.
type station struct {
	*sim.Forecourt
	t       testing.TB
	options sim.Options
	stop    func()

	mu   sync.Mutex
	told []pumps.Event
}

// work opens the pumps of a folder and works them until the test ends.
func work(t testing.TB, o sim.Options) *station {
	t.Helper()
	s := &station{t: t, options: o}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *station) start() {
	s.t.Helper()
	f, err := sim.Open(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx, s.tell) }()
	s.Forecourt = f
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("Run ended with %v", err)
		}
	})
}

// restart has the box die and come back after a time.
func (s *station) restart(after time.Duration) {
	s.t.Helper()
	s.stop()
	if after > 0 {
		<-time.After(after)
	}
	s.mu.Lock()
	s.told = nil
	s.mu.Unlock()
	s.start()
}

func (s *station) tell(e pumps.Event) {
	if e.Pump != 2 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, e)
}

// story returns what was told, without the readings of the meter, as one line.
func (s *station) story() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var words []string
	for _, e := range s.told {
		word := string(e.What)
		switch e.What {
		case pumps.Metered:
			continue
		case pumps.Began:
			word += fmt.Sprintf(" %d", e.Transaction)
		case pumps.Ended:
			word += fmt.Sprintf(" %d with %d in %v for %d", e.Transaction, e.Given.Quantity, e.Given.Took.Std(), e.Total)
			if e.Doubt != "" {
				word += " in doubt"
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func (s *station) want(story string) {
	s.t.Helper()
	if got := s.story(); got != story {
		s.t.Errorf("told was %q, want %q", got, story)
	}
}

// release releases pump 2 for a session, for up to 50 litres of diesel.
func (s *station) release(n byte) {
	s.t.Helper()
	s.must(s.Release(context.Background(), pumps.Release{Pump: 2, Session: pumps.Session{n}, Product: "diesel", Price: 1_639, Most: 50_000}))
}

func (s *station) lift() { s.t.Helper(); s.must(s.Lift(context.Background(), 2, "")) }
func (s *station) hang() { s.t.Helper(); s.must(s.Hang(context.Background(), 2)) }

// fill fills at pump 2, and returns how much was given.
func (s *station) fill(q pay.Quantity, realtime bool) pay.Quantity {
	s.t.Helper()
	given, err := s.Fill(context.Background(), 2, q, realtime)
	s.must(err)
	return given
}

func (s *station) settle(t pumps.Transaction) {
	s.t.Helper()
	s.must(s.Settle(context.Background(), 2, t))
}

// meter returns what the meter told, in order.
func (s *station) meter() []pay.Quantity {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []pay.Quantity
	for _, e := range s.told {
		if e.What == pumps.Metered {
			all = append(all, e.Given.Quantity)
		}
	}
	return all
}

func (s *station) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
