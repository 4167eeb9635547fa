package replay

import (
	"fmt"
	"strings"
)

// NotesMax bounds the notes of a Report. Chosen: enough to see what is wrong with
// a capture, few enough to read.
const NotesMax = 5

// Report is what Open found in a capture.
type Report struct {
	// Adverts is how many are played, those that are damaged in part included.
	Adverts int
	// Skipped is how many lines are not played at all.
	Skipped int
	// Damaged is how many adverts are played as far as they are sound.
	Damaged int
	// Notes says what is wrong with the first of the lines that are skipped or
	// damaged, at most NotesMax of them in the order of the file.
	Notes []Note
}

// Note says what is wrong with one line of a capture. It quotes nothing of it, so
// that it can be printed.
type Note struct {
	Line    int    // counted from 1
	Skipped bool   // false: the advert is played as far as it is sound
	Why     string // the rest of a sentence about the line
}

// String returns the note as one line for a person.
func (n Note) String() string { return fmt.Sprintf("line %d: %s", n.Line, n.Why) }

// Sound reports whether every line of the capture is played whole.
func (r Report) Sound() bool { return r.Skipped == 0 && r.Damaged == 0 }

// Counts returns the counts in words.
func (r Report) Counts() string {
	words := count(r.Adverts, "advert") + " played"
	if r.Damaged > 0 {
		words += fmt.Sprintf(", %d of them damaged and only in part", r.Damaged)
	}
	if r.Skipped > 0 {
		words += fmt.Sprintf(", %s skipped", count(r.Skipped, "line"))
	}
	return words
}

// String returns the counts and the notes as one line for a person.
func (r Report) String() string {
	if r.Sound() {
		return r.Counts()
	}
	return r.Counts() + " (" + r.why() + ")"
}

// why returns the notes joined, and how many more there are.
func (r Report) why() string {
	words := make([]string, 0, len(r.Notes)+1)
	for _, n := range r.Notes {
		words = append(words, n.String())
	}
	if more := r.More(); more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}

// More returns how many lines are skipped or damaged beyond those in Notes.
func (r Report) More() int { return r.Skipped + r.Damaged - len(r.Notes) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// play counts an advert; damage says what of it cannot be read, or is "".
func (r *Report) play(line int, damage string) {
	r.Adverts++
	if damage != "" {
		r.Damaged++
		r.note(Note{Line: line, Why: damage})
	}
}

// skip counts a line that is not played.
func (r *Report) skip(line int, why string) {
	r.Skipped++
	r.note(Note{Line: line, Skipped: true, Why: why})
}

func (r *Report) note(n Note) {
	if len(r.Notes) < NotesMax {
		r.Notes = append(r.Notes, n)
	}
}
