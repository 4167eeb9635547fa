package crowd_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/ble/crowd"
)

const goodLine = `{"source":"set/folder/file.txt","tx":"hand","distance_m":0.914,"angle":45,"room":"hall","samples":[[5,-60],[45,-61],[8000,-59],[8040,-70]]}`

func TestReadRecordings(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(goodLine + "\n" + goodLine)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"plain": goodLine + "\n" + goodLine + "\n", "gzip": packed.String()} {
		got, err := crowd.ReadRecordings(strings.NewReader(text))
		if err != nil || len(got) != 2 {
			t.Fatalf("%s: %d recordings, %v", name, len(got), err)
		}
		r := got[0]
		if r.Set != "set/folder" || r.Carried != "hand" || r.Metres != 0.914 || r.Angle != 45 {
			t.Errorf("%s: %+v", name, r)
		}
		// The pause of eight seconds is closed up to one.
		if r.Samples[1] != (crowd.Sample{At: 40 * time.Millisecond, RSSI: -61}) || r.Length() != 1080*time.Millisecond {
			t.Errorf("%s: %+v", name, r.Samples)
		}
	}
}

func TestReadRecordingsRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"no set":        {"set/folder/file.txt", "file.txt"},
		"no distance":   {`"distance_m":0.914,`, ""},
		"far away":      {"0.914", "1e9"},
		"angle":         {`"angle":45`, `"angle":360`},
		"one sample":    {`[[5,-60],[45,-61],[8000,-59],[8040,-70]]`, `[[5,-60]]`},
		"back in time":  {"[45,", "[4,"},
		"no strength":   {"-61", "127"},
		"not a number":  {"-61", `"x"`},
		"all at once":   {`[[5,-60],[45,-61],[8000,-59],[8040,-70]]`, `[[5,-60],[5,-61]]`},
		"cut off":       {`]]}`, ``},
		"for ever":      {"8040", "9999999999999"},
		"before it was": {"[5,", "[-5,"},
	} {
		text := goodLine + "\n" + strings.Replace(goodLine, change[0], change[1], 1) + "\n"
		if _, err := crowd.ReadRecordings(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v, want an error that names line 2", name, err)
		}
	}
	for name, text := range map[string]string{"nothing": "", "half a gzip": "\x1f\x8b\x08", "a line without end": strings.Repeat("x", 2<<20)} {
		if _, err := crowd.ReadRecordings(strings.NewReader(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
