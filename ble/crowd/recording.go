package crowd

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// TracesFile is the name of the file of recordings in a folder of them.
const TracesFile = "traces.jsonl.gz"

const (
	// The bounds of what ReadRecordings takes. Chosen: some ten times what the whole
	// of the published sets holds.
	recordingBytesMax = 1 << 20
	recordingsMax     = 50_000
	samplesMax        = 20_000
	// gapMax is the longest silence inside a recording; a longer one is closed up.
	// Chosen: what pauses for longer is the recorder, because phones send many
	// times a second.
	gapMax = time.Second
)

// Recording is the strengths of one phone as another heard it while the two who
// carried them kept to their places.
type Recording struct {
	Set     string  // the folder that it comes from: two people, two phones, one day
	Carried string  // where the sender was carried, such as "hand"
	Metres  float64 // between the two
	Angle   int     // degrees, 0 to 315, that one had moved around the other; 0 is facing
	Samples []Sample
}

// Sample is one strength in dBm, with the time from the recording's beginning.
type Sample struct {
	At   time.Duration
	RSSI int
}

// Length is the time from the first sample to the last.
func (r *Recording) Length() time.Duration { return r.Samples[len(r.Samples)-1].At }

// recordingJSON is the form of one line.
type recordingJSON struct {
	Source  string   `json:"source"`
	TX      string   `json:"tx"`
	Metres  float64  `json:"distance_m"`
	Angle   int      `json:"angle"`
	Samples [][2]int `json:"samples"` // milliseconds, dBm
}

// ReadRecordings reads recordings, one JSON object a line, compressed by gzip or
// not: `source` (SET/FOLDER/FILE), `tx`, `distance_m`, `angle`, and `samples`,
// pairs of milliseconds and dBm in the order of time. Silences above a second are
// closed up. It fails on the first line that is not of this form, and names it.
func ReadRecordings(from io.Reader) ([]Recording, error) {
	buffered := bufio.NewReader(from)
	if magic, err := buffered.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		plain, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read recordings: %w", err)
		}
		buffered = bufio.NewReader(plain)
	}
	lines := bufio.NewScanner(buffered)
	lines.Buffer(nil, recordingBytesMax)
	var out []Recording
	for n := 1; lines.Scan(); n++ {
		if n > recordingsMax {
			return nil, fmt.Errorf("read recordings: more than %d", recordingsMax)
		}
		r, err := parseRecording(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("read recordings: line %d: %w", n, err)
		}
		out = append(out, r)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read recordings: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read recordings: there are none")
	}
	return out, nil
}

func parseRecording(line []byte) (Recording, error) {
	var j recordingJSON
	if err := json.Unmarshal(line, &j); err != nil {
		return Recording{}, err
	}
	cut := strings.LastIndexByte(j.Source, '/')
	switch {
	case cut <= 0:
		return Recording{}, fmt.Errorf("source %.40q names no set and file", j.Source)
	case j.Metres < distanceMin || j.Metres > 100:
		return Recording{}, fmt.Errorf("distance_m %g is outside %g..100", j.Metres, distanceMin)
	case j.Angle < 0 || j.Angle >= 360:
		return Recording{}, fmt.Errorf("angle %d is outside 0..359", j.Angle)
	case len(j.Samples) < 2 || len(j.Samples) > samplesMax:
		return Recording{}, fmt.Errorf("%d samples are outside 2..%d", len(j.Samples), samplesMax)
	}
	r := Recording{Set: j.Source[:cut], Carried: j.TX, Metres: j.Metres, Angle: j.Angle}
	var closed time.Duration
	for i, s := range j.Samples {
		at := time.Duration(s[0]) * time.Millisecond
		if s[0] < 0 || s[0] > 1<<32 || s[1] < ble.RSSIMin || s[1] > ble.RSSIMax || i > 0 && s[0] < j.Samples[i-1][0] {
			return Recording{}, fmt.Errorf("sample %d is out of order or no strength", i+1)
		}
		if i == 0 {
			closed = at
		} else if gap := at - closed - r.Length(); gap > gapMax {
			closed += gap - gapMax
		}
		r.Samples = append(r.Samples, Sample{at - closed, s[1]})
	}
	if r.Length() == 0 {
		return Recording{}, fmt.Errorf("it has no length")
	}
	return r, nil
}

// Sets returns the names of the sets in recordings, sorted.
func Sets(recordings []Recording) []string {
	var names []string
	for i := range recordings {
		names = append(names, recordings[i].Set)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
