package ocpp

import (
	"context"
	"errors"
	"fmt"

	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// Run serves the charge points until ctx ends, and returns nil then, or the error for
// which nothing is durable any more. It is called once.
func (s *Station) Run(ctx context.Context, tell func(pumps.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.ended = cancel
	s.remind()
	for _, p := range s.points {
		s.conns.Go(func() { s.stopDue(ctx, p) })
	}
	s.mu.Unlock()
	s.conns.Go(func() { s.serve(ctx) })
	for ctx.Err() == nil {
		for _, e := range s.take() {
			tell(e)
		}
		select {
		case <-ctx.Done():
		case <-s.more:
		}
	}
	s.closeSockets()
	s.conns.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// remind queues what the box may not have heard before either side stopped. s.mu is held.
func (s *Station) remind() {
	for _, r := range s.book.sorted() {
		switch r.Phase {
		case phaseStarted:
			s.tell(r.event(pumps.Began))
		case phaseEnded:
			s.tell(r.event(pumps.Ended))
		}
	}
}

// take returns the events that wait.
func (s *Station) take() []pumps.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	s.room.Broadcast()
	return events
}

// connector returns a pump's connector, and holds its charge point's calls until free is
// called.
func (s *Station) connector(ctx context.Context, n pay.PumpNumber) (c *connector, free func(), err error) {
	c = s.pumps[n]
	if c == nil {
		return nil, nil, fmt.Errorf("pump %d: %w", n, pumps.ErrUnknownPump)
	}
	select {
	case c.point.calls <- struct{}{}:
		return c, func() { <-c.point.calls }, nil
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("pump %d: %w: %w", n, pumps.ErrNoAnswer, ctx.Err())
	}
}

// Release lets a connector give. See pumps.Forecourt; it is ErrNoAnswer until the charge
// point has said yes, and a StartTransaction that follows is told either way.
func (s *Station) Release(ctx context.Context, want pumps.Release) error {
	c, free, err := s.connector(ctx, want.Pump)
	if err != nil {
		return err
	}
	defer free()
	r, err := s.release(c, want)
	if err != nil || r == nil {
		return err
	}
	request := core.NewRemoteStartTransactionRequest(r.IDTag)
	request.ConnectorId = &r.Connector
	answer, err := s.call(ctx, c.point, request)
	yes := false
	if confirmed, ok := answer.(*core.RemoteStartTransactionConfirmation); ok && err == nil {
		if yes = confirmed.Status == types.RemoteStartStopStatusAccepted; !yes {
			err = errRefused
		}
	}
	return s.released(r, yes, err)
}

// release returns the run that a charge point has to be asked for: that which there is, or
// a new one; nil where it was asked and said yes, or the run has begun.
func (s *Station) release(c *connector, want pumps.Release) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	no := func(why error) (*run, error) { return nil, fmt.Errorf("pump %d: %w", want.Pump, why) }
	if s.failed != nil {
		return no(errors.Join(pumps.ErrOffline, s.failed))
	}
	if r := s.book.of(want.Pump, want.Session); r != nil {
		if !r.isFor(want) || want.Product != electric {
			return no(pumps.ErrBusy)
		}
		if r.accepted || r.Phase != phaseSent {
			return nil, nil
		}
		return r, nil
	}
	switch offline := c.offline(); {
	case want.Product != electric:
		return no(pumps.ErrProduct)
	case want.Session == pumps.Session{} || want.Most <= 0:
		return no(errors.New("a release has a session and a quantity"))
	case s.book.occupying(want.Pump) != nil:
		return no(pumps.ErrBusy)
	case offline != "":
		return no(fmt.Errorf("%w: %s", pumps.ErrOffline, offline))
	}
	tag, err := s.book.idTag()
	if err != nil {
		return no(err)
	}
	r, err := s.book.create(run{
		Point: c.point.config.id, Connector: c.config.connector, Pump: want.Pump, Session: want.Session, IDTag: tag,
		Price: want.Price, Most: want.Most, Phase: phaseSent, Released: s.now(),
	})
	if err != nil {
		s.fail(err)
		return no(errors.Join(pumps.ErrOffline, err))
	}
	return r, nil
}

// released takes in what became of a RemoteStartTransaction. A no counts only where no
// earlier one may have been heard: a charge point that follows the first says no to the
// second.
func (s *Station) released(r *run, yes bool, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case yes:
		r.accepted = true
		return nil
	case r.Phase != phaseSent:
		return nil // it has begun
	case r.unsure, !errors.Is(err, errRefused) && !errors.Is(err, errNotSent):
		r.unsure = true
		return fmt.Errorf("pump %d: %w", r.Pump, pumps.ErrNoAnswer)
	}
	if failed := s.book.drop(r); failed != nil {
		s.fail(failed)
	}
	return fmt.Errorf("pump %d: %w: %w", r.Pump, pumps.ErrOffline, err)
}

// Stop ends a session. See pumps.Forecourt; a session that gives is ended by its charge
// point, now or, where that cannot be reached, when it is back: ErrNoAnswer until then.
func (s *Station) Stop(ctx context.Context, n pay.PumpNumber, session pumps.Session) error {
	c, free, err := s.connector(ctx, n)
	if err != nil {
		return err
	}
	defer free()
	r, err := s.stop(n, session)
	if err != nil || r == nil {
		return err
	}
	return s.remoteStop(ctx, c, r)
}

// stop takes back a session that has not begun, and returns one that gives.
func (s *Station) stop(n pay.PumpNumber, session pumps.Session) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.book.of(n, session)
	if r == nil || r.Phase == phaseEnded || r.Phase == phaseSettled {
		return nil, nil
	}
	began := r.Phase == phaseStarted
	if r.Stopping = began; !began {
		r.Phase, r.Stopped = phaseEnded, s.now()
	}
	if err := s.book.save(r); err != nil {
		s.fail(err)
		return nil, fmt.Errorf("pump %d: %w: %w", n, pumps.ErrNoAnswer, err)
	}
	if !began {
		s.tell(r.event(pumps.Ended))
		return nil, nil
	}
	return r, nil
}

// Settle lets the station forget a transaction. One that gives cannot be settled: ErrBusy.
func (s *Station) Settle(_ context.Context, n pay.PumpNumber, t pumps.Transaction) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var r *run
	if t <= transactionMax {
		r = s.book.runs[int(t)]
	}
	switch {
	case r != nil && r.Pump == n && r.Phase != phaseSettled: // also of a pump that the file names no more
	case s.pumps[n] == nil:
		return fmt.Errorf("pump %d: %w", n, pumps.ErrUnknownPump)
	default:
		return nil
	}
	if r.Phase != phaseEnded {
		return fmt.Errorf("pump %d: transaction %d has not ended: %w", n, t, pumps.ErrBusy)
	}
	r.Phase = phaseSettled
	if err := s.book.save(r); err != nil {
		s.fail(err)
		return fmt.Errorf("pump %d: settle transaction %d: %w", n, t, err)
	}
	return nil
}

// remoteStop asks a charge point to end a run. Its calls are held. Where it says that it
// knows nothing of the run, and that the connector is free, the run is over.
func (s *Station) remoteStop(ctx context.Context, c *connector, r *run) error {
	s.mu.Lock()
	r.asked = s.now()
	s.mu.Unlock()
	answer, err := s.call(ctx, c.point, core.NewRemoteStopTransactionRequest(r.ID))
	confirmed, ok := answer.(*core.RemoteStopTransactionConfirmation)
	if err == nil && ok && confirmed.Status == types.RemoteStartStopStatusAccepted {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Phase != phaseStarted {
		return nil
	}
	refused := errors.Is(err, errRefused) || (err == nil && ok)
	if refused && c.status == core.ChargePointStatusAvailable && c.told > r.Heard {
		r.lose(s.now())
		if err := s.book.end(r); err != nil {
			s.fail(err)
			return fmt.Errorf("pump %d: %w: %w", r.Pump, pumps.ErrNoAnswer, err)
		}
		s.tell(r.event(pumps.Ended))
		return nil
	}
	return fmt.Errorf("pump %d: %w", r.Pump, pumps.ErrNoAnswer)
}

// stopDue ends the runs of a charge point that are to end, whenever it is kicked.
func (s *Station) stopDue(ctx context.Context, p *point) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.kick:
		}
		for _, r := range s.due(p) {
			c, free, err := s.connector(ctx, r.Pump)
			if err != nil {
				return
			}
			_ = s.remoteStop(ctx, c, r) // it is asked again with the next reading or connection
			free()
		}
	}
}

// due returns the runs of a charge point that are to end.
func (s *Station) due(p *point) []*run {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*run
	for _, r := range s.book.sorted() {
		if r.Point == p.config.id && r.Phase == phaseStarted && r.Stopping && s.pumps[r.Pump] != nil && p.socket != nil &&
			(r.asked == 0 || s.now().Sub(r.asked) >= stopAgain) {
			all = append(all, r)
		}
	}
	return all
}

// wake kicks a charge point's stopDue.
func (p *point) wake() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}
