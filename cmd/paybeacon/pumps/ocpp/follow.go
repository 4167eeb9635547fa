package ocpp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/firmware"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ocppj"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
)

// follow does what a charge point's call asks, and returns the result that answers it.
// What it changes is durable by then. It waits for nothing but the disk.
func (s *Station) follow(p *point, f frame, data []byte) (ocpp.Response, *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, &fault{code: ocppj.InternalError, text: "nothing can be stored"}
	}
	switch f.action {
	case core.StartTransactionFeatureName:
		return s.started(p, f.payload)
	case core.StopTransactionFeatureName:
		return s.stopped(p, f.payload)
	case core.MeterValuesFeatureName:
		return s.metered(p, f.payload)
	}
	message, err := s.parse(data, nil)
	if err != nil {
		return nil, faultOf(err)
	}
	call, ok := message.(*ocppj.Call)
	if !ok {
		return nil, &fault{code: ocppj.InternalError, text: "it is no call"}
	}
	switch request := call.Payload.(type) {
	case *core.BootNotificationRequest:
		return core.NewBootNotificationConfirmation(types.NewDateTime(s.options.Now()), heartbeatSeconds, core.RegistrationStatusAccepted), nil
	case *core.HeartbeatRequest:
		return core.NewHeartbeatConfirmation(types.NewDateTime(s.options.Now())), nil
	case *core.AuthorizeRequest:
		known := s.book.released(p.config.id, request.IdTag) != nil
		return core.NewAuthorizationConfirmation(tagInfo(known)), nil
	case *core.StatusNotificationRequest:
		s.noted(p, request)
		return core.NewStatusNotificationConfirmation(), nil
	case *core.DataTransferRequest:
		return core.NewDataTransferConfirmation(core.DataTransferStatusUnknownVendorId), nil
	case *firmware.DiagnosticsStatusNotificationRequest:
		return firmware.NewDiagnosticsStatusNotificationConfirmation(), nil
	case *firmware.FirmwareStatusNotificationRequest:
		return firmware.NewFirmwareStatusNotificationConfirmation(), nil
	default:
		return nil, &fault{code: ocppj.NotSupported, text: "a central system is not asked for this"}
	}
}

// faultOf returns what the library found wrong, without its text, which quotes.
func faultOf(err error) *fault {
	found, ok := errors.AsType[*ocpp.Error](err)
	switch {
	case !ok:
		return &fault{code: ocppj.FormatViolationV16, text: "the call is not as OCPP 1.6 has it"}
	case found.Code == ocppj.NotSupported:
		return &fault{code: ocppj.NotImplemented, text: "the action is not known"}
	default:
		return &fault{code: found.Code, text: "the call is not as OCPP 1.6 has it"}
	}
}

// tagInfo says whether an idTag is taken.
func tagInfo(known bool) *types.IdTagInfo {
	if known {
		return types.NewIdTagInfo(types.AuthorizationStatusAccepted)
	}
	return types.NewIdTagInfo(types.AuthorizationStatusInvalid)
}

// noted takes in the status of a connector, or of the whole charge point as connector 0.
func (s *Station) noted(p *point, request *core.StatusNotificationRequest) {
	broken := ""
	switch request.Status {
	case core.ChargePointStatusFaulted:
		broken = "faulted: " + string(request.ErrorCode)
	case core.ChargePointStatusUnavailable:
		broken = "unavailable"
	}
	if request.ConnectorId == 0 {
		p.broken = broken
		s.refreshAll(p)
		return
	}
	c := p.connectors[request.ConnectorId]
	if c == nil {
		return // it is nobody's pump
	}
	c.status, c.told, c.broken = request.Status, s.now(), broken
	switch request.Status {
	case core.ChargePointStatusPreparing, core.ChargePointStatusCharging, core.ChargePointStatusSuspendedEV,
		core.ChargePointStatusSuspendedEVSE, core.ChargePointStatusFinishing:
		c.plugged = true
	case core.ChargePointStatusAvailable, core.ChargePointStatusReserved:
		c.plugged = false
	}
	s.refresh(c)
	p.wake()
}

// startKey is what makes two StartTransactions one: connector, idTag, meterStart and
// timestamp, as they are written.
func startKey(f fields) string {
	body, err := json.Marshal(list{f["connectorId"], f["idTag"], f["meterStart"], f["timestamp"]})
	if err != nil {
		panic("ocpp: internal error: a read value is no JSON: " + err.Error())
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:16])
}

// started follows StartTransaction.
func (s *Station) started(p *point, f fields) (ocpp.Response, *fault) {
	tag, hasTag := f.text("idTag", idTagMax)
	number, hasNumber := f.whole("connectorId")
	if !hasTag || !hasNumber {
		return nil, &fault{code: ocppj.TypeConstraintViolation, text: "it names no idTag or no connector"}
	}
	c := p.connectors[int(number)]
	if c == nil || int64(int(number)) != number {
		return nil, &fault{code: ocppj.PropertyConstraintViolation, text: "there is no such connector"}
	}
	key := startKey(f)
	again := s.book.find(func(r *run) bool { return r.Point == p.config.id && r.Key == key })
	if again != nil {
		return startAnswer(again), nil
	}
	r := s.book.find(func(r *run) bool {
		return r.Point == p.config.id && r.Connector == c.config.connector && r.IDTag == tag && r.isAsked() && r.Key == "" &&
			(r.Phase == phaseSent || r.Doubt == DoubtNoStart)
	})
	var err error
	switch {
	case r != nil && r.Phase == phaseSent:
		r.start(key, f, s.book.lives[r.Pump], s.now())
		err = s.book.save(r)
	case r != nil: // its end came before it, and counts
		r.Key = key
		if err = s.book.save(r); err == nil {
			return startAnswer(r), nil
		}
	default:
		r, err = s.unasked(c, tag, key, f)
	}
	if err != nil {
		return nil, s.broken(err)
	}
	s.tell(r.event(pumps.Began))
	return startAnswer(r), nil
}

// unasked makes a run of a transaction that the box did not ask for; it is to end.
func (s *Station) unasked(c *connector, tag, key string, f fields) (*run, error) {
	r := run{Point: c.point.config.id, Connector: c.config.connector, Pump: c.config.pump, IDTag: tag, Released: s.now(), Stopping: true}
	r.start(key, f, s.book.lives[r.Pump], s.now())
	defer c.point.wake()
	return s.book.create(r)
}

// startAnswer is the answer to the StartTransaction of a run and to each repeat.
func startAnswer(r *run) ocpp.Response {
	return core.NewStartTransactionConfirmation(tagInfo(r.isAsked() && r.Doubt != DoubtNoStart), r.ID)
}

// broken is the answer when nothing can be stored: the charge point keeps what it has to
// tell.
func (s *Station) broken(err error) *fault {
	s.fail(err)
	return &fault{code: ocppj.InternalError, text: "nothing can be stored"}
}

// stopped follows StopTransaction. The answer is the same for every one, also for those of
// which nothing is known: a charge point that is refused only tells it again.
func (s *Station) stopped(p *point, f fields) (ocpp.Response, *fault) {
	answer := core.NewStopTransactionConfirmation()
	r, named := s.ending(p, f)
	if r == nil || r.Phase == phaseEnded || r.Phase == phaseSettled {
		return answer, nil
	}
	r.stop(f, s.now())
	if !named && r.Doubt == "" {
		r.Doubt = DoubtNumber
	}
	if err := s.book.end(r); err != nil {
		return nil, s.broken(err)
	}
	s.tell(r.event(pumps.Ended))
	return answer, nil
}

// ending returns the run that a StopTransaction ends, and whether it is named by its
// number. A charge point that never learnt the number sends 0, -1 or none; then the idTag
// says which one it is.
func (s *Station) ending(p *point, f fields) (r *run, named bool) {
	number, ok := f.whole("transactionId")
	if ok && number > 0 {
		if r = s.book.runs[int(number)]; r == nil || int64(r.ID) != number || r.Point != p.config.id {
			return nil, false
		}
		return r, true
	}
	if tag, ok := f.text("idTag", idTagMax); ok {
		return s.book.released(p.config.id, tag), false
	}
	return nil, false
}

// metered follows MeterValues.
func (s *Station) metered(p *point, f fields) (ocpp.Response, *fault) {
	number, ok := f.whole("connectorId")
	values, isList := f["meterValue"].(list)
	if !ok || !isList || len(values) == 0 {
		return nil, &fault{code: ocppj.TypeConstraintViolation, text: "it names no connector or holds no values"}
	}
	answer := core.NewMeterValuesConfirmation()
	r := s.book.find(func(r *run) bool {
		return r.Point == p.config.id && int64(r.Connector) == number && r.Phase == phaseStarted && r.isAsked()
	})
	if id, has := f["transactionId"]; r == nil || (has && id != json.Number(strconv.Itoa(r.ID))) {
		return answer, nil
	}
	now := s.now()
	store := r.meter(readSamples(values), now)
	if !r.Stopping && r.isFull() {
		r.Stopping, store = true, true
	}
	if store {
		if err := s.book.save(r); err != nil {
			return nil, s.broken(err)
		}
	}
	if q, ok := r.given(); ok {
		e := r.event(pumps.Metered)
		e.Given.Quantity = q
		s.tell(e)
	}
	if r.Stopping && (r.asked == 0 || now.Sub(r.asked) >= stopAgain) {
		p.wake()
	}
	return answer, nil
}
