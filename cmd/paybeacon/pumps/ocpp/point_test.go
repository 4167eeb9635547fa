package ocpp_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	ocpp16 "github.com/lorenzodonini/ocpp-go/ocpp1.6"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/core"
	"github.com/lorenzodonini/ocpp-go/ocpp1.6/types"
	"github.com/lorenzodonini/ocpp-go/ws"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
)

// libraryPoint is ocpp-go's own charge point: it takes whatever it is asked for and tells
// the test. What it does not know it refuses by a nil handler of the interface.
type libraryPoint struct {
	core.ChargePointHandler
	start chan *core.RemoteStartTransactionRequest
	stop  chan *core.RemoteStopTransactionRequest
}

func (p *libraryPoint) OnRemoteStartTransaction(r *core.RemoteStartTransactionRequest) (*core.RemoteStartTransactionConfirmation, error) {
	p.start <- r
	return core.NewRemoteStartTransactionConfirmation(types.RemoteStartStopStatusAccepted), nil
}

func (p *libraryPoint) OnRemoteStopTransaction(r *core.RemoteStopTransactionRequest) (*core.RemoteStopTransactionConfirmation, error) {
	p.stop <- r
	return core.NewRemoteStopTransactionConfirmation(types.RemoteStartStopStatusAccepted), nil
}

// TestFuellingByLibrary fuels a car at ocpp-go's own charge point, from release to settled.
func TestFuellingByLibrary(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	client := ws.NewClient()
	client.SetBasicAuth("DEPOT-1", password)
	handler := &libraryPoint{start: make(chan *core.RemoteStartTransactionRequest, 1), stop: make(chan *core.RemoteStopTransactionRequest, 1)}
	cp := ocpp16.NewChargePoint("DEPOT-1", nil, client)
	cp.SetCoreHandler(handler)
	if err := cp.Start("ws://" + s.station.Addr()); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(cp.Stop)
	t.Cleanup(stop)
	if e := s.next(pumps.Back); e.Pump != 7 {
		t.Fatalf("pump %d is back", e.Pump)
	}
	boot, err := cp.BootNotification("model", "vendor")
	if err != nil || boot.Status != core.RegistrationStatusAccepted || boot.Interval == 0 {
		t.Fatalf("boot: %+v, %v", boot, err)
	}
	if _, err := cp.StatusNotification(1, core.NoError, core.ChargePointStatusPreparing); err != nil {
		t.Fatal(err)
	}
	if e := s.next(pumps.Lifted); e.Pump != 7 || e.Product != "electric" {
		t.Fatalf("lifted: %+v", e)
	}

	want := release(7, 20_000)
	if err := s.station.Release(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	tag := (<-handler.start).IdTag
	if ok, err := cp.Authorize(tag); err != nil || ok.IdTagInfo.Status != types.AuthorizationStatusAccepted {
		t.Fatalf("the tag of the release: %+v, %v", ok, err)
	}
	if no, err := cp.Authorize(hexTag()); err != nil || no.IdTagInfo.Status != types.AuthorizationStatusInvalid {
		t.Fatalf("another tag: %+v, %v", no, err)
	}
	begin := types.NewDateTime(time.Now())
	started, err := cp.StartTransaction(1, tag, 910_000, begin)
	if err != nil || started.IdTagInfo.Status != types.AuthorizationStatusAccepted {
		t.Fatalf("start: %+v, %v", started, err)
	}
	if e := s.next(pumps.Began); e.Session != want.Session || int(e.Transaction) != started.TransactionId || e.Pump != 7 {
		t.Fatalf("began: %+v", e)
	}
	values := []types.MeterValue{{Timestamp: types.Now(), SampledValue: []types.SampledValue{{Value: "910.0405", Unit: types.UnitOfMeasureKWh, Measurand: types.MeasurandEnergyActiveImportRegister}}}}
	if _, err := cp.MeterValues(1, values, func(r *core.MeterValuesRequest) { r.TransactionId = &started.TransactionId }); err != nil {
		t.Fatal(err)
	}
	if e := s.next(pumps.Metered); e.Given.Quantity != 40 {
		t.Fatalf("metered: %+v", e)
	}
	if err := s.station.Stop(t.Context(), 7, want.Session); err != nil {
		t.Fatal(err)
	}
	if r := <-handler.stop; r.TransactionId != started.TransactionId {
		t.Fatalf("asked to end %d", r.TransactionId)
	}
	if _, err := cp.StopTransaction(910_080, types.NewDateTime(begin.Add(30*time.Second)), started.TransactionId); err != nil {
		t.Fatal(err)
	}
	e := s.next(pumps.Ended)
	if e.Doubt != "" || e.Given.Quantity != 80 || e.Given.Begin != 910_000 || e.Given.End != 910_080 || e.Given.Took <= 0 || e.Session != want.Session {
		t.Fatalf("ended: %+v", e)
	}
	if err := e.Given.Check(); err != nil {
		t.Fatal(err)
	}
	if err := s.station.Release(t.Context(), release(7, 1000)); !errors.Is(err, pumps.ErrBusy) {
		t.Fatalf("released before the last one is settled: %v", err)
	}
	if err := s.station.Settle(t.Context(), 7, e.Transaction); err != nil {
		t.Fatal(err)
	}
	if err := s.station.Release(t.Context(), release(7, 1000)); err != nil {
		t.Fatal(err)
	}
	<-handler.start
	stop()
	if e := s.next(pumps.Failed); e.Pump != 7 || e.Why == "" {
		t.Fatalf("failed: %+v", e)
	}
}
