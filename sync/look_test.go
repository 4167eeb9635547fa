package paysync_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// theCar is the one vehicle of the tests.
var theCar = pay.VehicleHeard{Code: pay.Code{7}, Plate: "B-AB 1234", Product: "diesel", Type: pay.TypeJack, Most: 55_000}

// asFuel makes the node with that key a box at pumps.
func (r *registry) asFuel(key pay.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[key.ID()]
	m.Class = pay.ClassFuel
	r.members[key.ID()], r.car = m, theCar
}

// A box at pumps is told of the vehicles among the codes that it hears, and of nothing else.
func TestLook(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.asFuel(box.key)
		c, leave := w.client(box)
		if _, err := c.Look(context.Background(), []pay.CodeHeard{{Code: theCar.Code}}); pay.CodeOf(err) != pay.CodeUnreachable {
			t.Errorf("without a session: %v", err)
		}
		w.awaitState(c, isUp)
		for _, tc := range []struct {
			codes []pay.CodeHeard
			want  []pay.VehicleHeard
		}{
			{nil, nil},
			{[]pay.CodeHeard{{Code: pay.Code{1}}, {Code: theCar.Code, Ago: 900}, {Code: pay.Code{2}}}, []pay.VehicleHeard{theCar}},
			{[]pay.CodeHeard{{Code: pay.Code{1}}}, nil},
		} {
			got, err := c.Look(context.Background(), tc.codes)
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%v: %v, %v", tc.codes, got, err)
			}
		}
		w.kill()
		if got, err := c.Look(context.Background(), []pay.CodeHeard{{Code: theCar.Code}}); pay.CodeOf(err) != pay.CodeUnreachable || got != nil {
			t.Errorf("after the registry has gone: %v, %v", got, err)
		}
		quit(t, leave)
	})
}

// A box that is not at pumps asks nothing.
func TestLookOfAShop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		box := newNode(3)
		w.reg.enlist(box.key)
		w.reg.car = theCar
		c, leave := w.client(box)
		w.awaitState(c, isUp)
		if got, err := c.Look(context.Background(), []pay.CodeHeard{{Code: theCar.Code}}); pay.CodeOf(err) != pay.CodeUpgrade || got != nil {
			t.Errorf("%v, %v", got, err)
		}
		quit(t, leave)
	})
}

// What a registry's session makes of questions: of a rogue box that asks all the same, of
// one that asks too often, and before it may ask at all.
func TestLookAtTheRegistry(t *testing.T) {
	t.Parallel()
	reg, box := newRegistry(), newNode(3)
	reg.enlist(box.key)
	look := func(n uint64, codes int) paysync.Event {
		return paysync.Received{Message: wire.Look{N: n, Codes: make([]pay.CodeHeard, codes)}}
	}
	session := func(class pay.BoxClass) *paysync.ServerSession {
		s := paysync.NewServerSession(wire.Versions{})
		member := reg.members[box.key.ID()]
		member.Class = class
		s.Step(time.Unix(0, 0), paysync.Received{Message: wire.Hello{Version: wire.VersionMax, Scope: testScope, Incarnation: box.inc}})
		effects := s.Step(time.Unix(0, 0), paysync.Stood{Standing: paysync.Standing{Known: true, Member: member, Head: headOf(reg.epoch, nil), Now: 1, PingEvery: 2_000, Authority: reg.authority.Raw()}})
		if end, ok := effects[0].(paysync.End); ok {
			t.Fatal(end.Err)
		}
		if looks := effects[0].(paysync.Send).Message.(wire.Welcome).Looks; looks != (class == pay.ClassFuel) {
			t.Errorf("a box of class %q: Looks is %v", class, looks)
		}
		return s
	}
	one := func(s *paysync.ServerSession, at time.Duration, e paysync.Event) string {
		effects := s.Step(time.Unix(0, 0).Add(at), e)
		if len(effects) != 1 {
			t.Fatalf("%d effects", len(effects))
		}
		switch e := effects[0].(type) {
		case paysync.FindVehicles:
			return fmt.Sprint("find ", e.Look.N)
		case paysync.Send:
			v := e.Message.(wire.Vehicles)
			return fmt.Sprint(v.N, " ", v.Refused, " ", len(v.Vehicles))
		default:
			return fmt.Sprintf("%T", e)
		}
	}
	shop := session("")
	if got := one(shop, 0, look(9, 1)); got != "9 wrong_class 0" {
		t.Errorf("a shop: %s", got)
	}
	fuel := session(pay.ClassFuel)
	for n := range uint64(pay.LookCodesPerMinute / pay.LookCodesMax) {
		if got := one(fuel, time.Second, look(n, pay.LookCodesMax)); got != fmt.Sprint("find ", n) {
			t.Fatalf("question %d: %s", n, got)
		}
	}
	if got := one(fuel, time.Minute-1, look(100, 1)); got != "100 too_many_refusals 0" {
		t.Errorf("one code too many: %s", got)
	}
	if got := one(fuel, time.Second+time.Minute, look(101, 1)); got != "find 101" {
		t.Errorf("a minute later: %s", got)
	}
	if got := one(fuel, time.Hour, paysync.VehiclesFound{Vehicles: wire.Vehicles{N: 101, Vehicles: []pay.VehicleHeard{theCar}}}); got != "101  1" {
		t.Errorf("the answer: %s", got)
	}
	if got := one(paysync.NewServerSession(wire.Versions{}), 0, look(1, 1)); got != "paysync.End" {
		t.Errorf("before Hello: %s", got)
	}
}
