package registry

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
)

const moment pay.Time = 1_800_000_000_000

// crowd returns n sources with keys of their own, paired during the last day.
func crowd(n int, k pay.Exponent, seed uint64) []CodeSource {
	random := rand.New(rand.NewPCG(seed, 1))
	out := make([]CodeSource, n)
	for i := range out {
		s := &out[i]
		s.Number, s.Exponent, s.Counter = uint32(i+1), k, pay.Counter(random.Uint32N(1<<20))
		binary.LittleEndian.PutUint64(s.Key[:], random.Uint64())
		binary.LittleEndian.PutUint64(s.Key[8:], random.Uint64())
		s.AnchorAt = moment - pay.Time(random.Int64N(3_600_000))
		s.Resolved = s.AnchorAt
	}
	return out
}

// drawSource returns any source that rows may hold.
func drawSource(t *rapid.T) CodeSource {
	s := CodeSource{
		Number: 1, Exponent: pay.Exponent(rapid.IntRange(0, 15).Draw(t, "K")), Counter: pay.Counter(rapid.Uint32().Draw(t, "counter")),
		AnchorAt: moment - pay.Time(rapid.Int64Range(0, 366*86_400_000).Draw(t, "since")),
		Early:    pay.Millis(rapid.Int64Range(-90_000, 90_000).Draw(t, "early")),
	}
	s.Late = s.Early + pay.Millis(rapid.Int64Range(0, 90_000).Draw(t, "width"))
	s.Resolved = s.AnchorAt + pay.Time(rapid.Int64Range(0, 86_400_000).Draw(t, "resolved"))
	copy(s.Key[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key"))
	return s
}

// TestStepsAreTheWindow compares steps with the definition, step by step.
func TestStepsAreTheWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSource(t)
		at := moment + pay.Time(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "at"))
		first, last, ok := s.steps(at, at+1)
		length, g := int64(s.Exponent.Seconds())*1000, int64(s.slack(at))
		accepted := func(step int64) bool {
			begin := int64(s.AnchorAt) + step*length - int64(s.Counter)*1000
			return int64(at) >= begin+int64(s.Early)-g && int64(at) < begin+length+int64(s.Late)+int64(pay.StepSlack)+g
		}
		if !ok {
			return
		}
		for _, step := range []int64{int64(first), int64(last), int64(first+last) / 2} {
			if step >= int64(first) && step <= int64(last) && !accepted(step) {
				t.Fatalf("step %d of %d..%d is not accepted", step, first, last)
			}
		}
		if accepted(int64(first)-1) && first > 0 || accepted(int64(last)+1) && int64(last) < 1<<32>>s.Exponent-1 {
			t.Fatalf("steps %d..%d leave one out", first, last)
		}
	})
}

// TestSlack has g as DESIGN states it.
func TestSlack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		k     pay.Exponent
		since pay.Millis
		want  pay.Millis
	}{
		{6, 0, 5_000}, {6, 6_667, 5_001}, {6, 86_400_000, 5_000 + 12_960}, {6, 30 * 86_400_000, 64_000},
		{1, 0, 2_000}, {0, 0, 1_000}, {15, 366 * 86_400_000, 5_000 + 4_743_360}, {6, -86_400_000, 5_000 + 12_960},
	} {
		s := CodeSource{Exponent: tc.k, Resolved: moment}
		if got := s.slack(moment.Add(tc.since)); got != tc.want {
			t.Errorf("K %d, %d ms: g is %d, want %d", tc.k, tc.since, got, tc.want)
		}
	}
}

func TestSourceRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := sourceRow{CodeSource: drawSource(t), device: pay.DeviceID{1, 2}, replaces: rapid.Uint32().Draw(t, "replaces")}
		raw := appendSource(nil, s)
		s.Number = 0 // it is the key
		if got, rest, err := readSource(raw); err != nil || len(rest) > 0 || got != s {
			t.Fatalf("%+v came back as %+v, %v", s, got, err)
		}
		for n := range raw {
			if _, _, err := readSource(raw[:n]); err == nil {
				t.Fatalf("%d bytes were taken for a source", n)
			}
		}
	})
}

// TestLearnedStaysWithinDrift: whatever is learned lies within what drift
// allows, and the step that taught it is accepted again at once.
func TestLearnedStaysWithinDrift(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSource(t)
		at := s.Resolved + pay.Time(rapid.Int64Range(0, 30*86_400_000).Draw(t, "later"))
		first, last, ok := s.steps(at, at+1)
		if !ok {
			return
		}
		step := first + pay.Step(rapid.Uint32Range(0, uint32(last-first)).Draw(t, "step"))
		got, news := s.learned(step, at)
		if news != (at.Sub(s.Resolved) >= learnEvery) {
			t.Fatalf("news %v after %d ms", news, at.Sub(s.Resolved))
		}
		d := s.drift(at)
		if got.Early < s.Early-d || got.Late > s.Late+d || got.Early > got.Late {
			t.Fatalf("learned %d..%d from %d..%d with a drift of %d", got.Early, got.Late, s.Early, s.Late, d)
		}
		if f, l, ok := got.steps(at, at+1); !ok || step < f || step > l {
			t.Fatalf("step %d is no longer accepted: %d..%d", step, f, l)
		}
	})
}

// TestTableHoldsTheWindow: a table of a span finds, at each moment in it,
// exactly the codes that are accepted then.
func TestTableHoldsTheWindow(t *testing.T) {
	t.Parallel()
	sources := append(crowd(200, 6, 1), crowd(50, 1, 2)...)
	for i := range sources {
		sources[i].Number = uint32(i + 1)
	}
	from, to := moment, moment.Add(40_000)
	table := NewCodeTable(sources, from, to)
	count := 0
	for i := range sources {
		sources[i].each(from, to, func(_ pay.Step, c pay.Code) bool {
			count++
			if n, ok := table.Lookup(c); !ok || n != sources[i].Number {
				t.Fatalf("code %s of source %d: %d, %v", c, sources[i].Number, n, ok)
			}
			if all := table.Numbers(nil, c); fmt.Sprint(all) != fmt.Sprint([]uint32{sources[i].Number}) {
				t.Fatalf("code %s is of %v", c, all)
			}
			return true
		})
	}
	if table.Len() != count || table.Bytes() > count*20+64 {
		t.Errorf("%d codes in %d bytes, want %d codes", table.Len(), table.Bytes(), count)
	}
	if !table.covers(from) || table.covers(to) || !table.covers(to-1) {
		t.Error("the span is not what was asked for")
	}
	if _, ok := NewCodeTable(nil, from, to).Lookup(pay.Code{}); ok {
		t.Error("an empty table finds something")
	}
}

// TestRandomCodesFindNobody guesses: with 64 bits nobody hits one of the codes
// of many devices. The expected number of hits is printed.
func TestRandomCodesFindNobody(t *testing.T) {
	t.Parallel()
	table := NewCodeTable(crowd(50_000, 6, 3), moment, moment.Add(32_000))
	random := rand.New(rand.NewPCG(4, 5))
	const guesses = 2_000_000
	hits := 0
	for range guesses {
		var c pay.Code
		binary.LittleEndian.PutUint64(c[:], random.Uint64())
		if _, ok := table.Lookup(c); ok {
			hits++
		}
	}
	t.Logf("%d guesses against %d codes: %d hits, expected %.1e", guesses, table.Len(), hits, float64(guesses)*float64(table.Len())/(1<<32)/(1<<32))
	if hits != 0 {
		t.Errorf("%d guesses hit", hits)
	}
}

// TestLookupDoesNotAllocate counts allocations, not time.
func TestLookupDoesNotAllocate(t *testing.T) {
	table := NewCodeTable(crowd(1_000, 6, 6), moment, moment.Add(32_000))
	var room [4]uint32
	if n := testing.AllocsPerRun(100, func() {
		table.Lookup(pay.Code{1, 2, 3})
		table.Numbers(room[:0], pay.Code{1, 2, 3})
	}); n != 0 {
		t.Errorf("%v allocations a look-up", n)
	}
}

// TestVectors has the published vectors of Eddystone-EID, through the batch.
func TestVectors(t *testing.T) {
	t.Parallel()
	ik := pay.IdentityKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0a, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16}
	var out [130]pay.Code
	pay.CodesAt(ik, 10, 0, out[:])
	if out[0].String() != "a9b76a71c5f89290" || out[1].String() != "4144413e45fefa58" {
		t.Errorf("codes at 0 and 2000: %s, %s", out[0], out[1])
	}
	for i := range out { // over two ends of 65,536 s
		if one := pay.CodeAt(ik, 10, pay.Step(i)); one != out[i] {
			t.Errorf("step %d: %s alone, %s in the batch", i, one, out[i])
		}
	}
}

func BenchmarkCodeTableLookup(b *testing.B) {
	sources := crowd(1_000_000, 6, 7)
	from, to := moment, moment.Add(110_000) // three codes a device
	table := NewCodeTable(sources, from, to)
	codes := make([]pay.Code, 1<<16)
	random := rand.New(rand.NewPCG(8, 9))
	for i := range codes {
		s := &sources[random.IntN(len(sources))]
		first, _, _ := s.steps(moment.Add(50_000), moment.Add(50_001))
		codes[i] = pay.CodeAt(s.Key, s.Exponent, first)
	}
	b.ReportAllocs()
	i, missed := 0, 0
	for b.Loop() {
		if _, ok := table.Lookup(codes[i&(len(codes)-1)]); !ok {
			missed++
		}
		i++
	}
	b.ReportMetric(float64(table.Bytes())/(1<<20), "MiB")
	b.ReportMetric(float64(table.Len())/1e6, "Mcodes")
	if missed > 0 {
		b.Fatalf("%d codes were not found", missed)
	}
}

func BenchmarkCodeTableBuild(b *testing.B) {
	sources := crowd(1_000_000, 6, 7)
	for b.Loop() {
		NewCodeTable(sources, moment, moment.Add(40_000))
	}
}
