package paysync_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/wire"
)

// doer is what both tables of effects have in common.
type doer interface {
	Do(context.Context, paysync.Effect) (paysync.Event, error)
}

func TestEffectsOnStoresAreAnswered(t *testing.T) {
	t.Parallel()
	reg, box := newRegistry(), newNode(3)
	feed := feedOf(reg, 3)
	box.publish(2)
	node := paysync.NewNodeEffects(box)
	registry := paysync.RegistryEffects{Hub: reg, Node: box.key.ID(), PingEvery: func() pay.Millis { return 2_000 }, Authority: reg.authority.Raw()}
	from := pay.Cursor{Epoch: reg.epoch}
	raws := [][]byte{feed[1].Raw(), feed[2].Raw()}
	steps := []struct {
		name   string
		at     doer
		effect paysync.Effect
		want   paysync.Event
	}{
		{"open the outbox", node, paysync.OpenOutbox{}, paysync.Opened{}},
		{"read it", node, paysync.ReadOutbox{After: 1, Limit: 5}, paysync.Queued{Items: box.items[1:2]}},
		{"mirror entries", node, paysync.MirrorEntries{From: from, Facts: feed[:2]}, paysync.Mirrored{Head: headOf(reg.epoch, feed[:2])}},
		{"note an acknowledgement", node, paysync.NoteAck{Acked: pay.Acked{Incarnation: box.inc, N: 1}}, paysync.Noted{}},
		{"read the feed", registry, paysync.ReadFeed{Scope: testScope, After: 1, Limit: 2}, paysync.Fed{Facts: raws, Chain: headOf(reg.epoch, feed).Cursor.Chain, More: true}},
		{"read behind its end", registry, paysync.ReadFeed{Scope: testScope, After: 3, Limit: 2}, paysync.Fed{}},
		{"apply items", registry, paysync.ApplyItems{Incarnation: box.inc, Items: box.items[:1]}, paysync.Applied{Applied: pay.Applied{N: 1, Refused: map[uint64]pay.Reason{}}}},
	}
	for _, s := range steps {
		got, err := s.at.Do(context.Background(), s.effect)
		if err != nil || !reflect.DeepEqual(got, s.want) {
			t.Errorf("%s: %+v, %v, want %+v", s.name, got, err, s.want)
		}
	}
	got, err := registry.Do(context.Background(), paysync.Look{Hello: wire.Hello{Cursor: box.head.Cursor, Incarnation: box.inc}})
	stood, ok := got.(paysync.Stood)
	if err != nil || !ok || !stood.Standing.Known || !stood.Standing.HasChain || stood.Standing.Chain != box.head.Cursor.Chain || stood.Standing.Applied != 1 || stood.Standing.PingEvery != 2_000 {
		t.Errorf("look: %+v, %v", got, err)
	}
	if got, err = (paysync.RegistryEffects{Hub: reg, Node: testKey(9).ID(), PingEvery: registry.PingEvery}).Do(context.Background(), paysync.Look{}); err != nil || got.(paysync.Stood).Standing.Known {
		t.Errorf("look at a stranger: %+v, %v", got, err)
	}
	node.Close()
	if box.isOpen {
		t.Error("the session is still noted as open")
	}
}

func TestStoresThatFailAnswerNothing(t *testing.T) {
	t.Parallel()
	fire := errors.New("disk on fire")
	reg, box := newRegistry(), newNode(3)
	feed := feedOf(reg, 2)
	box.publish(1)
	reg.failWith, box.failWith = fire, fire
	node := paysync.NewNodeEffects(box)
	registry := paysync.RegistryEffects{Hub: reg, Node: box.key.ID()}
	if got, err := node.Do(context.Background(), paysync.MirrorEntries{Facts: feed}); got != nil || !errors.Is(err, fire) {
		t.Errorf("node: %+v, %v", got, err)
	}
	if got, err := registry.Do(context.Background(), paysync.ApplyItems{Incarnation: box.inc, Items: box.items}); got != nil || !errors.Is(err, fire) {
		t.Errorf("registry: %+v, %v", got, err)
	}
	node.Close()
	if box.opened != 0 {
		t.Error("a session is noted that never was")
	}
}
