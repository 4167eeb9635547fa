package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

const (
	benchDevices   = 1_000_000
	benchLookups   = 4_000_000
	benchSpan      = 64_000 // ms: with slack and drift some three codes a device
	benchLookupMax = 60     // ns
	benchTableMax  = 60     // MiB
	benchWindowMax = 300    // ms
)

// benchCodeLookup compares the registry's table with a Go map of the same
// codes, in time and in memory.
func benchCodeLookup(context.Context, string) ([]figure, error) {
	at := pay.Time(1_800_000_000_000)
	sources := benchSources(at)
	begin, spent := time.Now(), ownCPU()
	table := registry.NewCodeTable(sources, at, at+benchSpan)
	build, spent := time.Since(begin), ownCPU()-spent
	bare := bareDerivations(sources, table.Len())

	probes := benchProbes(sources)
	found := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin = time.Now()
	for i := range benchLookups {
		if _, ok := table.Lookup(probes[i%len(probes)]); ok {
			found++
		}
	}
	ours := perOperation(begin, benchLookups)
	runtime.ReadMemStats(&after)
	if found != benchLookups/2 {
		return nil, fmt.Errorf("the table found %d of %d codes", found, benchLookups/2)
	}
	yard, err := benchMap(sources, probes)
	if err != nil {
		return nil, err
	}
	runtime.KeepAlive(table) // or its end would count against the map
	size := float64(table.Bytes()) / (1 << 20)
	soon := millis(spent) <= benchWindowMax
	fast, small, clean := ours <= benchLookupMax, size <= benchTableMax, after.Mallocs-before.Mallocs < 100
	return []figure{
		{What: fmt.Sprintf("look-up among %d codes", table.Len()), Value: ours, Unit: "ns", Yardstick: yard.lookup, Against: "a Go map", Ratio: yard.lookup / ours, Target: fmt.Sprintf("<= %d ns", benchLookupMax), Met: &fast},
		{What: "memory of the table", Value: size, Unit: "MiB", Yardstick: yard.size, Against: "a Go map", Ratio: yard.size / size, Target: fmt.Sprintf("<= %d MiB", benchTableMax), Met: &small},
		{What: "allocations in all look-ups", Value: float64(after.Mallocs - before.Mallocs), Unit: "", Target: "none each", Met: &clean},
		{What: "building it, in the background", Value: millis(build), Unit: "ms"},
		{
			Name: "S7", What: "CPU of the table for the next window", Value: millis(spent), Unit: "ms", Yardstick: millis(bare), Against: "deriving its codes alone", Ratio: spent.Seconds() / bare.Seconds(),
			Target: fmt.Sprintf("<= %d ms", benchWindowMax), Met: &soon,
		},
	}, nil
}

// bareDerivations takes the CPU time of deriving n codes of the sources.
func bareDerivations(sources []registry.CodeSource, n int) time.Duration {
	begin := ownCPU()
	var sum byte
	for i := range n {
		s := sources[i%len(sources)]
		c := pay.CodeAt(s.Key, s.Exponent, s.Exponent.Step(s.Counter))
		sum ^= c[0]
	}
	runtime.KeepAlive(sum)
	return ownCPU() - begin
}

func benchSources(at pay.Time) []registry.CodeSource {
	random := rand.New(rand.NewPCG(1, 2))
	sources := make([]registry.CodeSource, benchDevices)
	for i := range sources {
		s := registry.CodeSource{
			Number: uint32(i + 1), Exponent: 6, Counter: pay.Counter(random.Uint32N(1 << 28)),
			AnchorAt: at, Resolved: at, Early: -pay.DriftBase, Late: pay.DriftBase,
		}
		binary.BigEndian.PutUint64(s.Key[:8], random.Uint64())
		binary.BigEndian.PutUint64(s.Key[8:], random.Uint64())
		sources[i] = s
	}
	return sources
}

// benchProbes are codes to look up: every other one is a device's current code,
// the rest are nobody's. They are many enough not to stay in the cache.
func benchProbes(sources []registry.CodeSource) []pay.Code {
	random := rand.New(rand.NewPCG(3, 4))
	probes := make([]pay.Code, 1<<20)
	for i := range probes {
		if i%2 == 0 {
			s := sources[random.IntN(len(sources))]
			probes[i] = pay.CodeAt(s.Key, s.Exponent, s.Exponent.Step(s.Counter))
			continue
		}
		binary.BigEndian.PutUint64(probes[i][:], random.Uint64())
	}
	return probes
}

type mapYardstick struct{ lookup, size float64 }

func benchMap(sources []registry.CodeSource, probes []pay.Code) (mapYardstick, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := make(map[pay.Code]uint32, 3*len(sources))
	for _, s := range sources {
		step := s.Exponent.Step(s.Counter)
		for _, near := range []pay.Step{step - 1, step, step + 1} {
			m[pay.CodeAt(s.Key, s.Exponent, near)] = s.Number
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(sources) // or their end would count as the map's
	found := 0
	begin := time.Now()
	for i := range benchLookups {
		if _, ok := m[probes[i%len(probes)]]; ok {
			found++
		}
	}
	y := mapYardstick{perOperation(begin, benchLookups), (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / (1 << 20)}
	if found != benchLookups/2 {
		return y, errors.New("the map does not hold the codes that were put in")
	}
	return y, nil
}

func perOperation(begin time.Time, n int) float64 {
	return float64(time.Since(begin).Nanoseconds()) / float64(n)
}
