package paysync

import (
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// itemOverhead is what an item takes in a frame beside its facts. Chosen: at
// most 11 bytes, two arrays and the age, rounded up to leave room for the frame.
const itemOverhead = 32

// pump reads on in the outbox when it may hold more and the window has room.
func (s *ClientSession) pump() []Effect {
	if s.phase != phaseLive || !s.opened || s.reading || !s.more || s.out.room() <= 0 {
		return nil
	}
	s.reading, s.grown = true, false
	s.asked = min(s.out.room(), pay.BatchFactsMax)
	return []Effect{ReadOutbox{After: s.out.sent, Limit: s.asked}}
}

// queued pushes what was read, as far as the window allows. The rest is read
// again once an Ack makes room.
func (s *ClientSession) queued(now time.Time, items []pay.Item) []Effect {
	if s.phase != phaseLive {
		return nil
	}
	s.reading = false
	if len(s.out.sizes) == 0 {
		s.ackBy = now.Add(ackTimeout)
	}
	if len(items) > 0 {
		s.ping.happened(now)
	}
	var effects []Effect
	for left := items; len(left) > 0; {
		push, n, err := s.push(left)
		if err != nil {
			return []Effect{End{Err: err}}
		}
		if n == 0 {
			s.more = true
			return effects
		}
		effects, left = append(append(effects, s.owedSeen()...), Send{push}), left[n:]
	}
	s.more = s.grown || len(items) >= s.asked
	return append(effects, s.pump()...)
}

// push returns one message with the first n items that it and the window hold.
// Its error means that the store skipped a number.
func (s *ClientSession) push(items []pay.Item) (wire.Push, int, *pay.Error) {
	m := wire.Push{Incarnation: s.position.Incarnation, First: s.out.sent + 1}
	bytes := 0
	for _, item := range items {
		size := itemOverhead
		for _, f := range item.Facts {
			size += len(f.Raw()) + 3
		}
		if !s.out.fits(size) || (len(m.Items) > 0 && bytes+size > pay.BatchBytesMax) || len(m.Items) == pay.BatchFactsMax {
			break
		}
		if item.N != s.out.sent+1 {
			return m, 0, pay.NewError(pay.CodeFailed, fmt.Sprintf("the outbox continues with item %d after item %d", item.N, s.out.sent), "nothing was lost; this data directory is damaged: keep it and report it")
		}
		s.out.send(size)
		bytes += size
		facts := make([][]byte, len(item.Facts))
		for i, f := range item.Facts {
			facts[i] = f.Raw()
		}
		m.Items = append(m.Items, wire.PushItem{Age: max(item.Age, 0), Facts: facts})
	}
	return m, len(m.Items), nil
}

func (s *ClientSession) acked(now time.Time, m wire.Ack) []Effect {
	before := s.out.acked
	if m.Incarnation != s.position.Incarnation || !s.out.ack(m.Applied) {
		return []Effect{protocolError(fmt.Sprintf("an Ack of item %d, sent were %d", m.Applied, s.out.sent))}
	}
	if m.Applied == before {
		return nil
	}
	s.ackBy = now.Add(ackTimeout)
	ack := pay.Acked{Incarnation: m.Incarnation, N: m.Applied}
	for _, r := range m.Refused {
		if r.N <= before {
			continue
		}
		if ack.Refused == nil {
			ack.Refused = make(map[uint64]pay.Reason, len(m.Refused))
		}
		ack.Refused[r.N] = r.Reason
	}
	if s.ack.N == 0 {
		s.ackNoteBy = now.Add(ackNoteDelay)
	}
	s.ack = s.ack.And(ack)
	return append(s.catchUp(), s.pump()...)
}

// takeAck returns the acknowledgement that waits, if it may be noted now. While
// another note is under way it may not: it would overtake that one.
func (s *ClientSession) takeAck() (ack pay.Acked) {
	if s.noting == 0 {
		ack, s.ack = s.ack, pay.Acked{}
	}
	return ack
}
