package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// figure is one line of what a benchmark found.
type figure struct {
	V     int     `json:"v"`
	Type  string  `json:"type"`
	Name  string  `json:"name"`
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Low and High bracket Value: 90 % of draws lie within them. YardstickLow and
	// YardstickHigh do so with Yardstick.
	Low           *float64 `json:"low,omitempty"`
	High          *float64 `json:"high,omitempty"`
	YardstickLow  *float64 `json:"yardstick_low,omitempty"`
	YardstickHigh *float64 `json:"yardstick_high,omitempty"`

	Yardstick float64 `json:"yardstick,omitempty"`
	Against   string  `json:"against,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	Target    string  `json:"target,omitempty"`
	Met       *bool   `json:"met,omitempty"`
	// Unmeasured says why there is no value.
	Unmeasured string `json:"unmeasured,omitempty"`

	of string // the benchmark
}

// label is what a line of a figure begins with: its name too where a benchmark gives
// several.
func (f figure) label() string {
	if f.of == "" || f.of == f.Name {
		return f.What
	}
	return fmt.Sprintf("%-4s %s", f.Name, f.What)
}

func printFigure(w io.Writer, f figure) {
	if f.Unmeasured != "" {
		_, _ = fmt.Fprintf(w, "  %s: not measured: %s\n", f.label(), f.Unmeasured)
		return
	}
	line := fmt.Sprintf("  %-44s %10s %-4s", f.label(), fewDigits(f.Value), f.Unit)
	line += bracket(f.Low, f.High)
	if f.Against != "" {
		line += fmt.Sprintf("  %s: %s", f.Against, fewDigits(f.Yardstick)) + bracket(f.YardstickLow, f.YardstickHigh)
	}
	if f.Ratio != 0 { // there is none to nothing
		line += fmt.Sprintf(", ratio %.2f", f.Ratio)
	}
	_, _ = fmt.Fprintln(w, strings.TrimRight(line, " "))
	if f.Target != "" {
		verdict := "met"
		if f.Met == nil || !*f.Met {
			verdict = "NOT met"
		}
		_, _ = fmt.Fprintf(w, "    target %s: %s\n", f.Target, verdict)
	}
}

// bracket writes the bounds of a value, if it has any.
func bracket(low, high *float64) string {
	if low == nil || high == nil {
		return ""
	}
	return fmt.Sprintf(" [%s..%s]", fewDigits(*low), fewDigits(*high))
}

// fewDigits writes four digits, or all that stand before the point.
func fewDigits(v float64) string {
	if math.Abs(v) >= 1000 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.4g", v)
}
