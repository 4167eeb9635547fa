package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
	"pgregory.net/rapid"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var stream []byte
	for _, s := range samples(t) {
		stream = wire.Append(stream, s.msg)
	}
	r := wire.NewReader(iotest.OneByteReader(bytes.NewReader(stream)), pay.FrameBytesMax)
	for _, s := range samples(t) {
		got, err := r.Next()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if !reflect.DeepEqual(got, s.msg) {
			t.Errorf("%s: got %+v, want %+v", s.name, got, s.msg)
		}
		if !bytes.Equal(r.Frame(), wire.Append(nil, s.msg)) {
			t.Errorf("%s: Frame differs from what was sent", s.name)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestEveryTruncatedPrefixIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		frame := wire.Append(nil, s.msg)
		for n := range frame {
			_, err := wire.ReadMessage(bytes.NewReader(frame[:n]), pay.FrameBytesMax)
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if !errors.Is(err, want) {
				t.Fatalf("%s cut to %d bytes: %v, want %v", s.name, n, err, want)
			}
			if n < 5 {
				continue
			}
			short := bytes.Clone(frame[:n])
			binary.BigEndian.PutUint32(short, uint32(n-4))
			if m, err := wire.ReadMessage(bytes.NewReader(short), pay.FrameBytesMax); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("%s with a body cut to %d bytes: %v, %v, want ErrMalformed", s.name, n-5, m, err)
			}
		}
	}
}

func TestEveryAppendedByteIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		long := append(wire.Append(nil, s.msg), 0)
		binary.BigEndian.PutUint32(long, uint32(len(long)-4))
		if m, err := wire.ReadMessage(bytes.NewReader(long), pay.FrameBytesMax); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v, %v, want ErrMalformed", s.name, m, err)
		}
	}
}

func TestPingAndPongFillTheirFrame(t *testing.T) {
	t.Parallel()
	for _, nonce := range []uint64{0, 23, 24, 255, 256, 65_535, 65_536, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64} {
		for _, m := range []wire.Message{wire.Ping{Nonce: nonce}, wire.Pong{Nonce: nonce}} {
			frame := wire.Append(nil, m)
			if len(frame) != wire.PingFrameBytes {
				t.Errorf("%T %d has %d bytes on the wire", m, nonce, len(frame))
			}
			frame[len(frame)-1] = 1
			if _, err := wire.ReadMessage(bytes.NewReader(frame), pay.FrameBytesMax); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%T %d with a pad that is not zero: %v", m, nonce, err)
			}
		}
	}
}

func TestLengthIsBelievedOnlyUpToTheLimit(t *testing.T) {
	t.Parallel()
	head := func(n uint32) []byte { return append(binary.BigEndian.AppendUint32(nil, n), byte(wire.TypePush)) }
	cases := []struct {
		name  string
		input []byte
		limit int
		want  error
	}{
		{"zero", head(0), pay.FrameBytesMax, wire.ErrMalformed},
		{"one above", head(pay.FrameBytesMax + 1), pay.FrameBytesMax, wire.ErrMalformed},
		{"all ones", head(math.MaxUint32), pay.FrameBytesMax, wire.ErrMalformed},
		{"above the limit of strangers", head(pay.FirstFrameBytesMax + 1), pay.FirstFrameBytesMax, wire.ErrMalformed},
		{"allowed and never sent", head(pay.FrameBytesMax), pay.FrameBytesMax, io.ErrUnexpectedEOF},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := wire.ReadMessage(bytes.NewReader(c.input), c.limit); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestMemoryFollowsWhatArrives(t *testing.T) {
	announced := append(binary.BigEndian.AppendUint32(nil, pay.FrameBytesMax), byte(wire.TypePush))
	const rounds = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		if _, err := wire.ReadMessage(bytes.NewReader(announced), pay.FrameBytesMax); err == nil {
			t.Fatal("a frame that never came was read")
		}
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / rounds; per > 16<<10 {
		t.Errorf("an announced frame of %d bytes that never comes costs %d bytes", pay.FrameBytesMax, per)
	}
}

func TestUnknownTypes(t *testing.T) {
	t.Parallel()
	unknown := func(t wire.Type) []byte { return []byte{0, 0, 0, 2, byte(t), 0xF6} }
	seen := wire.Append(nil, wire.Seen{Seq: 3})
	cases := []struct {
		name  string
		input []byte
		want  error
	}{
		{"below 128 is skipped", append(unknown(127), seen...), nil},
		{"type 0 is skipped", append(unknown(0), seen...), nil},
		{"128 is refused", append(unknown(128), seen...), wire.ErrMalformed},
		{"255 is refused", append(unknown(255), seen...), wire.ErrMalformed},
		{"no end of them is refused", bytes.Repeat(unknown(127), 1000), wire.ErrMalformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m, err := wire.ReadMessage(bytes.NewReader(c.input), pay.FrameBytesMax)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && m != (wire.Seen{Seq: 3}) {
				t.Errorf("got %+v", m)
			}
		})
	}
}

func TestFieldsAreBounded(t *testing.T) {
	t.Parallel()
	good := map[string]wire.Message{}
	for _, s := range samples(t) {
		good[s.name] = s.msg
	}
	fact := bytes.Repeat([]byte{1}, pay.FactBytesMax)
	many := make([][]byte, pay.BatchFactsMax+1)
	for i := range many {
		many[i] = []byte{1}
	}
	hello, welcome := good["hello"].(wire.Hello), good["welcome"].(wire.Welcome)
	enrol, enrolled := good["enrol"].(wire.Enrol), good["enrolled"].(wire.Enrolled)
	cases := []struct {
		name string
		msg  wire.Message
		ok   bool
	}{
		{"hello with a long scope", func() wire.Message { h := hello; h.Scope = pay.Scope(strings.Repeat("m", 65)); return h }(), false},
		{"hello with a number of no epoch", func() wire.Message { h := hello; h.Cursor.Epoch = pay.Epoch{}; return h }(), false},
		{"welcome with resume 0", func() wire.Message { w := welcome; w.Resume = 0; return w }(), false},
		{"welcome with resume 5", func() wire.Message { w := welcome; w.Resume = 5; return w }(), false},
		{"welcome without pings", func() wire.Message { w := welcome; w.PingEvery = 0; return w }(), false},
		{"a pace without pings", wire.Pace{}, false},
		{"a pace of once a day", wire.Pace{PingEvery: 86_400_000}, false},
		{"welcome with pings once a day", func() wire.Message { w := welcome; w.PingEvery = 86_400_000; return w }(), false},
		{"welcome without an epoch", func() wire.Message { w := welcome; w.Head.Cursor.Epoch = pay.Epoch{}; return w }(), false},
		{"welcome without an authority", func() wire.Message { w := welcome; w.Authority = nil; return w }(), false},
		{"no entries", wire.Entries{First: 1}, false},
		{"entries from 0", wire.Entries{Facts: [][]byte{{1}}}, false},
		{"entries whose numbers overflow", wire.Entries{First: math.MaxUint64, Facts: [][]byte{{1}, {1}}}, false},
		{"too many entries", wire.Entries{First: 1, Facts: many}, false},
		{"the largest entry", wire.Entries{First: 1, Facts: [][]byte{fact}}, true},
		{"an entry too large", wire.Entries{First: 1, Facts: [][]byte{append(fact, 1)}}, false},
		{"an empty entry", wire.Entries{First: 1, Facts: [][]byte{{}}}, false},
		{"no items", wire.Push{First: 1}, false},
		{"an item without facts", wire.Push{First: 1, Items: []wire.PushItem{{}}}, false},
		{"an item from the future", wire.Push{First: 1, Items: []wire.PushItem{{Age: -1, Facts: [][]byte{{1}}}}}, false},
		{"an item of five facts", wire.Push{First: 1, Items: []wire.PushItem{{Facts: [][]byte{{1}, {1}, {1}, {1}, {1}}}}}, false},
		{"an item of four large facts", wire.Push{First: 1, Items: []wire.PushItem{{Facts: [][]byte{fact, fact, fact, fact}}}}, true},
		{"a refusal beyond applied", wire.Ack{Applied: 1, Refused: []wire.RefusedItem{{N: 2, Reason: "no"}}}, false},
		{"refusals out of order", wire.Ack{Applied: 5, Refused: []wire.RefusedItem{{N: 2, Reason: "no"}, {N: 2, Reason: "no"}}}, false},
		{"a refusal without a reason", wire.Ack{Applied: 5, Refused: []wire.RefusedItem{{N: 2}}}, false},
		{"a reason that moves the cursor", wire.Ack{Applied: 5, Refused: []wire.RefusedItem{{N: 2, Reason: "\x1b[2J"}}}, false},
		{"bye without a code", wire.Bye{Message: "x"}, false},
		{"bye that moves the cursor", wire.Bye{Code: "E_X", Message: "\x1b[2J"}, false},
		{"bye with a long hint", wire.Bye{Code: "E_X", Hint: strings.Repeat("x", pay.TextBytesMax+1)}, false},
		{"enrol as a registry", func() wire.Message { e := enrol; e.Role = pay.RoleRegistry; return e }(), false},
		{"enrol with a long name", func() wire.Message { e := enrol; e.Name = pay.Name(strings.Repeat("x", 65)); return e }(), false},
		{"enrolled in the registry's scope", func() wire.Message { e := enrolled; e.Node.Scope = "s"; return e }(), false},
		{"enrolled without a currency", func() wire.Message { e := enrolled; e.Currency = ""; return e }(), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body := pay.Encode(c.msg)
			frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+1)), byte(c.msg.Type()))
			_, err := wire.ReadMessage(bytes.NewReader(append(frame, body...)), pay.FrameBytesMax)
			if c.ok != (err == nil) {
				t.Errorf("read: %v", err)
			}
			if !c.ok && !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
			if c.ok != (c.msg.Check() == nil) {
				t.Errorf("Check: %v", c.msg.Check())
			}
		})
	}
}

func TestByeForKeepsCausesAtHome(t *testing.T) {
	t.Parallel()
	cause := pay.Wrap(errors.New("open /secret/path"), pay.CodeNoSpace, "cannot\nstore", strings.Repeat("ö", 300))
	cases := []struct {
		name string
		err  error
		code pay.ErrorCode
		text string
	}{
		{"an error for people", cause, pay.CodeNoSpace, "cannot store"},
		{"any other", errors.New("open /secret/path"), pay.CodeFailed, "the other side failed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := wire.ByeFor(c.err)
			if b.Check() != nil || b.Code != c.code || b.Message != c.text {
				t.Errorf("got %+v (%v)", b, b.Check())
			}
			if strings.Contains(b.Message+b.Hint, "secret") {
				t.Errorf("the cause left the node: %+v", b)
			}
			if pay.CodeOf(b.Err()) != c.code {
				t.Errorf("Err has code %s", pay.CodeOf(b.Err()))
			}
		})
	}
}

func TestAnyPushSurvivesTheWire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		fact := rapid.SliceOfN(rapid.Byte(), 1, 64)
		items := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) wire.PushItem {
			return wire.PushItem{Age: pay.Millis(rapid.Int64Min(0).Draw(t, "age")), Facts: rapid.SliceOfN(fact, 1, pay.ItemFactsMax).Draw(t, "facts")}
		}), 1, 40).Draw(t, "items")
		want := wire.Push{Incarnation: pay.Incarnation{1}, First: rapid.Uint64Range(1, math.MaxInt64).Draw(t, "first"), Items: items}
		got, err := wire.ReadMessage(bytes.NewReader(wire.Append(nil, want)), pay.FrameBytesMax)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func FuzzReadMessage(f *testing.F) {
	for _, s := range samples(f) {
		f.Add(wire.Append(nil, s.msg))
	}
	f.Add(frameOf(wire.TypeSeen, []byte{0xA2, 0x01, 0x03, 0x18, 0x40, 0x01}))
	f.Fuzz(func(t *testing.T, input []byte) {
		r := wire.NewReader(bytes.NewReader(input), pay.FrameBytesMax)
		for {
			m, err := r.Next()
			if err != nil {
				return
			}
			if err := m.Check(); err != nil {
				t.Fatalf("read %+v, which does not pass Check: %v", m, err)
			}
			if again := wire.Append(nil, m); !bytes.Equal(again, r.Frame()) && !hasIgnoredKeys(r.Frame(), again) {
				t.Fatalf("%T has a second encoding: %x", m, r.Frame())
			}
		}
	})
}

// hasIgnoredKeys reports whether frame is canonical, longer than what was read
// from it, and reads as the same message: it carries keys that were left out.
func hasIgnoredKeys(frame, again []byte) bool {
	var body any
	if pay.Decode(frame[5:], &body) != nil || len(frame) <= len(again) {
		return false
	}
	a, err := wire.ReadMessage(bytes.NewReader(frame), pay.FrameBytesMax)
	b, errAgain := wire.ReadMessage(bytes.NewReader(again), pay.FrameBytesMax)
	return err == nil && errAgain == nil && reflect.DeepEqual(a, b)
}
