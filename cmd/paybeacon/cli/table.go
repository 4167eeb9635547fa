package cli

import (
	"strings"
	"unicode/utf8"
)

// Column says how a column of a table is drawn.
type Column struct {
	Right bool // its cells end at the same place
	// Keep says that nothing of its cells may be left out, such as of ids and amounts.
	Keep bool
}

// columnMin is the fewest characters that a shortened column keeps. Chosen: a name can
// be told from others.
const columnMin = 8

// Table returns the lines of a table for a terminal of that many columns. Where it is
// too wide, the widest columns of those that need not be kept are shortened until it
// fits, or none can be shortened any more; at 0 columns, for what is no terminal,
// nothing is.
func Table(columns int, layout []Column, rows [][]string) []string {
	widths := make([]int, len(layout))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for over := total(widths) - columns; columns > 0 && over > 0; over-- {
		widest := -1
		for i, w := range widths {
			if !layout[i].Keep && w > columnMin && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(fitted(cell, widths[i], layout[i].Right))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// total is how wide a table of such columns is.
func total(widths []int) int {
	sum := 2 * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// fitted returns a cell with that many characters.
func fitted(cell string, width int, right bool) string {
	n := utf8.RuneCountInString(cell)
	switch {
	case n > width:
		return string([]rune(cell)[:width-1]) + "…"
	case right:
		return strings.Repeat(" ", width-n) + cell
	default:
		return cell + strings.Repeat(" ", width-n)
	}
}
