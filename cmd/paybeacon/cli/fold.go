package cli

import (
	"bytes"
	"cmp"
	"io"
	"strings"
	"unicode/utf8"
)

// Fold returns the lines of s, each broken between words so that it has at most the given
// number of columns. What goes on stands under the column of the line in which it was
// broken. A line that is a command to be copied, and words between backticks, stay
// whole, and so does everything at 0 columns, for what is no terminal.
func Fold(s string, columns int) string {
	if columns <= 0 {
		return s
	}
	var b strings.Builder
	for line := range strings.SplitAfterSeq(s, "\n") {
		body := strings.TrimSuffix(line, "\n")
		b.WriteString(foldLine(body, columns))
		b.WriteString(line[len(body):])
	}
	return b.String()
}

// width returns how many columns s takes: its characters, without the sequences that
// colour them.
func width(s string) int {
	n := utf8.RuneCountInString(s)
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return n
		}
		end := strings.IndexByte(s[i:], 'm')
		if end < 0 {
			return n
		}
		n -= end + 1
		s = s[i+end+1:]
	}
}

func foldLine(line string, columns int) string {
	command := strings.HasPrefix(strings.TrimLeft(line, " "), "paybeacon ") && !strings.Contains(line, " - ") // else the title of a help text
	if command || width(line) <= columns {
		return line
	}
	start := textStart(line, columns/2)
	hang := strings.Repeat(" ", width(line[:start]))
	if start == 0 {
		hang = "  "
	}
	var b strings.Builder
	b.WriteString(line[:start])
	at := width(line[:start])
	first := true
	for _, word := range foldWords(line[start:]) {
		gap := len(word) - len(strings.TrimLeft(word, " "))
		wide := width(word)
		if !first && at+wide > columns {
			word, wide = word[gap:], wide-gap
			b.WriteString("\n" + hang)
			at = len(hang)
		}
		b.WriteString(word)
		at += wide
		first = false
	}
	return b.String()
}

// textStart returns where the text of a line begins: behind the last gap of two blanks, or
// arrow, within the first most columns.
func textStart(line string, most int) int {
	start := len(line) - len(strings.TrimLeft(line, " "))
	for i := start; i < len(line); i++ {
		if width(line[:i]) > most {
			break
		}
		if i >= 2 && line[i] != ' ' && (line[i-2:i] == "  " || i >= 3 && line[i-3:i] == "-> ") {
			start = i
		}
	}
	return start
}

// foldWords returns the words of s, each with the blanks before it. What stands between
// backticks is one word.
func foldWords(s string) []string {
	var words []string
	begun, quoted := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '`':
			quoted = !quoted
		case s[i] == ' ' && !quoted && i > begun && s[i-1] != ' ':
			words = append(words, s[begun:i])
			begun = i
		}
	}
	return append(words, s[begun:])
}

// helpColumnsMax is how wide a help text is drawn at most. Chosen: longer lines are hard to
// read.
const helpColumnsMax = 100

// helpWriter folds the help texts that the library writes to w. It keeps a line until it
// is whole.
type helpWriter struct {
	w       io.Writer
	columns int
	line    []byte
}

func newHelpWriter(w io.Writer) *helpWriter {
	return &helpWriter{w: w, columns: min(cmp.Or(Columns(w), columnsDefault), helpColumnsMax)}
}

// Write writes the lines that b completes.
func (h *helpWriter) Write(b []byte) (int, error) {
	h.line = append(h.line, b...)
	end := bytes.LastIndexByte(h.line, '\n') + 1
	if end == 0 {
		return len(b), nil
	}
	if _, err := io.WriteString(h.w, Fold(string(h.line[:end]), h.columns)); err != nil {
		return 0, err
	}
	h.line = h.line[end:]
	return len(b), nil
}

// filled returns a text for --help with its long paragraphs filled anew, to fit 80 columns
// with the indent of the library. A paragraph that is a list stays as it is.
func filled(long string) string {
	const most = columnsDefault - 3
	paragraphs := strings.Split(long, "\n\n")
	for i, p := range paragraphs {
		wide := false
		for line := range strings.Lines(p) {
			wide = wide || width(strings.TrimSuffix(line, "\n")) > most
		}
		if wide && !strings.Contains(p, "  ") {
			paragraphs[i] = strings.ReplaceAll(Fold("  "+strings.ReplaceAll(p, "\n", " "), most+2), "\n  ", "\n")[2:]
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
