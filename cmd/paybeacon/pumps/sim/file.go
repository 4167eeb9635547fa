package sim

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// fileBytesMax bounds the file. Chosen: a station of PumpNumberMax pumps with many
	// comments.
	fileBytesMax = 1 << 20
	// productsMax bounds the nozzles of one pump. Chosen: more than any has.
	productsMax = 16
	// flowDefault is what a pump gives where its file does not say, in millilitres an
	// hour. Published: 40 CFR 80.22 (j) allows 10 gallons a minute, which is 38 litres.
	flowDefault pay.Quantity = 38 * 60_000
)

// setup is a pump as the file describes it.
type setup struct {
	number   pay.PumpNumber
	products []pay.Product
	flow     pay.Quantity // in an hour
	fault    Fault
}

// usual are the pumps of a station that has no file: 1 to 4, each with two products.
func usual() []setup {
	all := make([]setup, 4)
	for i := range all {
		all[i] = setup{number: pay.PumpNumber(i + 1), products: []pay.Product{"diesel", "petrol95"}, flow: flowDefault}
	}
	return all
}

// read returns the pumps that a file describes, in the order of their numbers; where there
// is no such file, the usual ones. It is TOML:
//
//	[[pump]]
//	number = 1
//	products = ["diesel", "petrol95"]
//	litres_per_minute = 38      # may be left out
//	fault = "meter_jumps"       # may be left out
//
// Each error is a *pumps.ConfigError.
func read(name string) ([]setup, error) {
	text, err := readFile(name)
	if errors.Is(err, fs.ErrNotExist) || name == "" {
		return usual(), nil
	}
	if err != nil {
		return nil, &pumps.ConfigError{File: name, Problem: err.Error()}
	}
	f := file{name: name, lines: strings.Split(string(text), "\n")}
	var top map[string]any
	if _, err := toml.Decode(string(text), &top); err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, &pumps.ConfigError{File: name, Line: p.Position.Line, Key: p.LastKey, Problem: p.Message}
		}
		return nil, &pumps.ConfigError{File: name, Problem: err.Error()}
	}
	for _, key := range slices.Sorted(maps.Keys(top)) {
		if key != "pump" {
			return nil, f.fail(-1, key, "there is no such key")
		}
	}
	tables, ok := top["pump"].([]map[string]any)
	if !ok || len(tables) == 0 || len(tables) > int(pay.PumpNumberMax) {
		return nil, f.fail(-1, "pump", "a station has 1..%d tables [[pump]]", pay.PumpNumberMax)
	}
	return f.station(tables)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err == nil && len(text) > fileBytesMax {
		err = fmt.Errorf("it is longer than %d bytes", fileBytesMax)
	}
	return text, err
}

// file finds the lines of what is wrong.
type file struct {
	name  string
	lines []string
}

func (f file) station(tables []map[string]any) ([]setup, error) {
	all := make([]setup, 0, len(tables))
	for i, table := range tables {
		s, err := f.pump(i, table)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o setup) bool { return o.number == s.number }) {
			return nil, f.fail(i, "number", "pump %d stands here twice", s.number)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b setup) int { return int(a.number) - int(b.number) })
	return all, nil
}

func (f file) pump(i int, table map[string]any) (setup, error) {
	s := setup{flow: flowDefault}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		var problem error
		switch value := table[key]; key {
		case "number":
			s.number, problem = number(value)
		case "products":
			s.products, problem = products(value)
		case "litres_per_minute":
			s.flow, problem = flow(value)
		case "fault":
			s.fault, problem = fault(value)
		default:
			problem = fmt.Errorf("there is no such key")
		}
		if problem != nil {
			return s, f.fail(i, key, "%v", problem)
		}
	}
	switch {
	case s.number == 0:
		return s, f.fail(i, "number", "it is missing")
	case s.products == nil:
		return s, f.fail(i, "products", "it is missing")
	default:
		return s, nil
	}
}

func fault(v any) (Fault, error) {
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("it is no text")
	}
	return Fault(text), Fault(text).check()
}

func number(v any) (pay.PumpNumber, error) {
	n, ok := v.(int64)
	if !ok || n < 1 || n > int64(pay.PumpNumberMax) {
		return 0, fmt.Errorf("it is no whole number of 1..%d", pay.PumpNumberMax)
	}
	return pay.PumpNumber(n), nil
}

func products(v any) ([]pay.Product, error) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > productsMax {
		return nil, fmt.Errorf("it is no list of 1..%d products", productsMax)
	}
	var all []pay.Product
	for _, one := range list {
		text, ok := one.(string)
		if !ok {
			return nil, fmt.Errorf("a product is a text")
		}
		p := pay.Product(text)
		if err := p.Check(); err != nil {
			return nil, err
		}
		if slices.Contains(all, p) {
			return nil, fmt.Errorf("%s stands here twice", p)
		}
		all = append(all, p)
	}
	return all, nil
}

// flow reads litres a minute as what the pump gives in an hour.
func flow(v any) (pay.Quantity, error) {
	const most = float64(pay.FlowMax) / 60_000
	litres, ok := v.(float64)
	if whole, is := v.(int64); is {
		litres, ok = float64(whole), true
	}
	if !ok || math.IsNaN(litres) || litres < 0.1 || litres > most {
		return 0, fmt.Errorf("it is no number of 0.1..%.0f", most)
	}
	return pay.Quantity(math.Round(litres * 60_000)), nil
}

// fail returns what is wrong with a key of a pump, by its place in the file, or with a key
// at the top, where the place is -1.
func (f file) fail(pump int, key, problem string, a ...any) error {
	return &pumps.ConfigError{File: f.name, Line: f.line(pump, key), Key: key, Problem: fmt.Sprintf(problem, a...)}
}

// line returns where a key of a pump stands: its own line, or where the pump begins; 0:
// nowhere, as where the tables are written in one line.
func (f file) line(pump int, key string) int {
	at, begun := -1, 0
	for i, line := range f.lines {
		line = strings.TrimSpace(line)
		name, _, sets := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(line, "[["):
			if at++; at == pump {
				begun = i + 1
			}
		case at == pump && sets && strings.Trim(name, " \t\"'") == key:
			return i + 1
		case pump < 0 && strings.HasPrefix(strings.Trim(line, "[] \t\"'"), key):
			return i + 1
		}
	}
	return begun
}
