package registry

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// codeSources are what devices' codes follow from; see the package comment.
var codeSources = feature{
	name:   "code sources",
	spaces: rows.Spaces{sourceRows.Space, newestRow.Space},
}

var (
	sourceRows = rows.New("c/", "code source: key, exponent and anchor of one mapping",
		rows.Uint32[uint32]("NUMBER"), rows.NewCodec("code source", appendSource, readSource))
	newestRow = rows.NewSingle("n", "the number of the newest code source", rows.Uint32[uint32]("NUMBER"))
)

// CodeSource is all that the codes of one device follow from, as long as its
// mapping and what is known of its drift stay the same. It is immutable; the
// Number is never used again.
//
// The device's clock is known up to an offset: Early (never above 0 at first)
// and Late bound by how much its steps begin before or after the moments that the
// anchor gives. Both were true at Resolved, and grow apart by pay.DriftPerMillion since.
type CodeSource struct {
	Number   uint32
	Key      pay.IdentityKey
	Exponent pay.Exponent
	Counter  pay.Counter // the device's counter at AnchorAt
	AnchorAt pay.Time
	Early    pay.Millis
	Late     pay.Millis
	Resolved pay.Time
}

// sourceRow is a source in its row: device 32, key 16, exponent 1, counter 4,
// anchor 8, early 8, late 8, resolved 8, number of the source that it replaces
// or 0 in 4 bytes.
type sourceRow struct {
	CodeSource
	device   pay.DeviceID
	replaces uint32
}

const sourceRowBytes = 32 + 16 + 1 + 4 + 8 + 8 + 8 + 8 + 4

// appendSource writes a source without its number, which is its key.
func appendSource(dst []byte, s sourceRow) []byte {
	dst = append(dst, s.device[:]...)
	dst = append(dst, s.Key[:]...)
	dst = append(dst, byte(s.Exponent))
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.Counter))
	for _, v := range []int64{int64(s.AnchorAt), int64(s.Early), int64(s.Late), int64(s.Resolved)} {
		dst = binary.BigEndian.AppendUint64(dst, uint64(v))
	}
	return binary.BigEndian.AppendUint32(dst, s.replaces)
}

// readSource reads a source whose number the caller knows from its key.
func readSource(raw []byte) (s sourceRow, rest []byte, err error) {
	if len(raw) < sourceRowBytes || raw[48] > byte(pay.ExponentMax) {
		return s, nil, errors.New("read code source: too few bytes or a wrong exponent")
	}
	u64 := func(at int) int64 { return int64(binary.BigEndian.Uint64(raw[at:])) }
	s.device, s.Key = pay.DeviceID(raw[:32]), pay.IdentityKey(raw[32:48])
	s.Exponent, s.Counter = pay.Exponent(raw[48]), pay.Counter(binary.BigEndian.Uint32(raw[49:]))
	s.AnchorAt, s.Early, s.Late, s.Resolved = pay.Time(u64(53)), pay.Millis(u64(61)), pay.Millis(u64(69)), pay.Time(u64(77))
	s.replaces = binary.BigEndian.Uint32(raw[85:])
	return s, raw[sourceRowBytes:], nil
}

// stepMillis returns how long one step lasts.
func (s *CodeSource) stepMillis() pay.Millis { return pay.Millis(s.Exponent.Seconds()) * 1000 }

// drift returns by how much the device's clock may have moved between Resolved
// and t.
func (s *CodeSource) drift(t pay.Time) pay.Millis {
	since := t.Sub(s.Resolved)
	if since < 0 {
		since = -since
	}
	return since/1_000_000*pay.DriftPerMillion + since%1_000_000*pay.DriftPerMillion/1_000_000
}

// slack returns g: what is allowed on either side at t.
func (s *CodeSource) slack(t pay.Time) pay.Millis {
	return min(pay.DriftBase+s.drift(t), s.stepMillis())
}

// begin returns when step starts by the anchor, before any offset.
func (s *CodeSource) begin(step pay.Step) pay.Time {
	return s.AnchorAt.Add((pay.Millis(s.Exponent.Start(step)) - pay.Millis(s.Counter)) * 1000)
}

// steps returns the first and the last step that may be accepted at some moment
// in [from, to); ok is false when there is none. For one moment it is exact:
// step s is accepted from start - g to end + StepSlack + g, the end excluded.
func (s *CodeSource) steps(from, to pay.Time) (first, last pay.Step, ok bool) {
	if from >= to {
		return 0, 0, false
	}
	length, g := int64(s.stepMillis()), max(s.slack(from), s.slack(to-1))
	zero := int64(s.AnchorAt) - int64(s.Counter)*1000 // when the counter was 0
	low := floorDiv(int64(from)-int64(pay.StepSlack+s.Late+g)-zero, length)
	high := floorDiv(int64(to-1)-int64(s.Early-g)-zero, length)
	most := int64(math.MaxUint32 >> s.Exponent)
	if high < 0 || low > most {
		return 0, 0, false
	}
	return pay.Step(max(low, 0)), pay.Step(min(high, most)), true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// search returns a step with this code that may be accepted in [from, to).
func (s *CodeSource) search(code pay.Code, from, to pay.Time) (found pay.Step, ok bool) {
	s.each(from, to, func(step pay.Step, c pay.Code) bool {
		if c == code {
			found, ok = step, true
		}
		return !ok
	})
	return found, ok
}

// each calls fn for the codes that may be accepted in [from, to), in order,
// until fn returns false.
func (s *CodeSource) each(from, to pay.Time, fn func(pay.Step, pay.Code) bool) {
	first, last, ok := s.steps(from, to)
	if !ok {
		return
	}
	var some [16]pay.Code
	for at, left := first, int64(last)-int64(first)+1; left > 0; {
		n := min(int64(len(some)), left)
		pay.CodesAt(s.Key, s.Exponent, at, some[:n])
		for i, c := range some[:n] {
			if !fn(at+pay.Step(i), c) {
				return
			}
		}
		at, left = at+pay.Step(n), left-n
	}
}

// drifted reports whether a step heard at t, within its window, can only be
// explained by a clock that ran off by more than drift allows, or by somebody who
// held the code back: it lies in the seconds that pay.DriftBase adds. An anchor has
// the counter in whole seconds, so that a step may begin a second before it seems
// to.
func (s *CodeSource) drifted(step pay.Step, t pay.Time) bool {
	d, began := s.drift(t), s.begin(step)
	return t < began.Add(s.Early-d-anchorGrain) || t >= began.Add(s.stepMillis()+pay.StepSlack+s.Late+d)
}

// anchorGrain is what an anchor leaves out: the fraction of a second.
const anchorGrain pay.Millis = 1_000

// learnEvery is how long the drift since Resolved stays below one second, which
// is not worth a new source.
const learnEvery = 1_000 * 1_000_000 / pay.DriftPerMillion

// learned returns the source after its device was heard during step at t by
// the approval of its owner, and whether anything is new. The true offset lies
// between what drift allows and what the moment shows: the step had begun, and
// had not ended longer than StepSlack ago. Where the two disagree, within
// DriftBase, the drift's bound stands, so that late replays cannot drag the
// window along.
func (s CodeSource) learned(step pay.Step, t pay.Time) (CodeSource, bool) {
	if t.Sub(s.Resolved) < learnEvery {
		return s, false
	}
	d, began := min(s.drift(t), s.stepMillis()), s.begin(step)
	early, late := s.Early-d, s.Late+d
	low, high := t.Sub(began)-s.stepMillis()-pay.StepSlack, t.Sub(began)
	s.Early, s.Late, s.Resolved = min(max(early, low), late), max(min(late, high), early), t
	return s, true
}
