package pay_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func TestHandleFor(t *testing.T) {
	t.Parallel()
	code := pay.Code{1}
	first := pay.HandleFor(code, 0)
	if first != pay.HandleFor(code, 0) {
		t.Error("the same device gets another handle")
	}
	for name, other := range map[string]pay.Handle{
		"three words": pay.HandleFor(code, 1), "drawn again": pay.HandleFor(code, 2), "another code": pay.HandleFor(pay.Code{2}, 0),
	} {
		if other == first {
			t.Errorf("%s: %s again", name, first)
		}
	}
	if three := pay.HandleFor(code, 1); three.Pair() != first || three.Check() == nil || three.CheckBeginning() != nil {
		t.Errorf("three words are %s, which do not begin with %s, may stand in facts or not be asked for", three, first)
	}
	// Written down here, because box, device and wallet each make them.
	if first != "amber-lamb" || pay.HandleFor(code, 1) != "amber-lamb-newt" {
		t.Errorf("the words of %s are %s and %s", code, first, pay.HandleFor(code, 1))
	}
	seen := map[pay.Handle]int{}
	for n := range 2_000 {
		var c pay.Code
		binary.BigEndian.PutUint32(c[:], uint32(n))
		h := pay.HandleFor(c, 0)
		if err := h.Check(); err != nil {
			t.Fatalf("%s: %v", h, err)
		}
		seen[h]++
	}
	// Some 30,000 handles for 2,000 codes leave about 1,930 different ones.
	if len(seen) < 1_880 {
		t.Errorf("2,000 codes share %d handles", len(seen))
	}
}

func TestHandleCheck(t *testing.T) {
	t.Parallel()
	for _, h := range []pay.Handle{"amber-otter", "a-b", pay.Handle(strings.Repeat("a", 30) + "-b")} {
		if err := h.Check(); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
	for _, h := range []pay.Handle{
		"", "-", "amber", "amber-", "-otter", "amber otter", "Amber-otter", "amber-otter-two", "amber--otter", "amber-otter ", "ämber-otter", "amber-0tter",
		"amber-otter\n", "amber-\x1b", pay.Handle(strings.Repeat("a", 31) + "-b"),
	} {
		if err := h.Check(); pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%q: %v", string(h), err)
		}
	}
}
