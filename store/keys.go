package store

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// The key spaces; the table in the package comment shows what is in them.
const (
	spaceApplied = 'a'
	spacePutBack = 'b'
	spaceDue     = 'd'
	spaceEntry   = 'e'
	spaceFact    = 'f'
	spaceHead    = 'h'
	spaceIndex   = 'i'
	spaceEffect  = 'j'
	spaceLog     = 'l'
	spaceMeta    = 'm'
	spaceOutbox  = 'o'
	spacePast    = 'p'
	spaceQueued  = 'q'
	spaceRole    = 'r'
	spaceKept    = 'u'
	spaceAside   = 'x'
)

const (
	idBytes  = 32
	seqBytes = 8
	tieBytes = 4
	dueBytes = 1 + 8 + 1 + idBytes + tieBytes
	// dueBytesV1 is the length in stores of format 1, where each deadline is of a
	// payment and no kind stands before its id.
	dueBytesV1 = dueBytes - 1
	headBytes  = seqBytes + idBytes + 16

	asideBytes     = 1 + 1 + idBytes
	asideItemBytes = asideBytes + 4

	// scopeKeyBytesMax bounds a scope as part of a key. Scopes are minted
	// shorter; this only keeps a mistake from becoming a key. Chosen: a round
	// number above any scope.
	scopeKeyBytesMax = 255
)

// checkScope returns nil when a scope can be part of a key.
func checkScope(s pay.Scope) error {
	if s == "" || len(s) > scopeKeyBytesMax || bytes.IndexByte([]byte(s), 0) >= 0 {
		return fmt.Errorf("scope %q cannot name a feed", string(s))
	}
	return nil
}

func idKey(buf []byte, space byte, id [idBytes]byte) []byte {
	return append(append(buf, space), id[:]...)
}

func headKey(buf []byte, s pay.Scope) []byte {
	return append(append(buf, spaceHead), s...)
}

// entryKey has a zero byte behind the scope, which keeps "m/a" and "m/ab" apart.
func entryKey(buf []byte, s pay.Scope, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append(append(append(buf, spaceEntry), s...), 0), seq)
}

func indexKey(buf []byte, id pay.FactID, s pay.Scope) []byte {
	return append(idKey(buf, spaceIndex, id), s...)
}

func outboxKey(buf []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(buf, spaceOutbox), n)
}

func keptKey(buf []byte, node pay.NodeID, line pay.Incarnation, n uint64) []byte {
	return binary.BigEndian.AppendUint64(append(idKey(buf, spaceKept, node), line[:]...), n)
}

func pastKey(buf []byte, node pay.NodeID, inc pay.Incarnation) []byte {
	return append(idKey(buf, spacePast, node), inc[:]...)
}

func dueKey(buf []byte, at pay.Time, about pay.Subject, tie uint32) []byte {
	buf = append(binary.BigEndian.AppendUint64(append(buf, spaceDue), timeBits(at)), byte(about.Kind))
	return binary.BigEndian.AppendUint32(append(buf, about.ID[:]...), tie)
}

func roleKey(buf, key []byte) []byte {
	return append(append(buf, spaceRole), key...)
}

func asideKey(buf []byte, subject pay.Subject) []byte {
	return append(append(buf, spaceAside, byte(subject.Kind)), subject.ID[:]...)
}

func asideItemKey(buf []byte, subject pay.Subject, n uint32) []byte {
	return binary.BigEndian.AppendUint32(asideKey(buf, subject), n)
}

// splitAsideKey reads the key of a subject that is set aside, or the beginning
// of the key of what waits of it.
func splitAsideKey(key []byte) (subject pay.Subject, ok bool) {
	if len(key) < asideBytes || key[0] != spaceAside {
		return subject, false
	}
	subject = pay.Subject{Kind: pay.SubjectKind(key[1]), ID: [32]byte(key[2:asideBytes])}
	return subject, subject.Check() == nil && (len(key) == asideBytes || len(key) == asideItemBytes)
}

// timeBits orders times as unsigned numbers.
func timeBits(t pay.Time) uint64 { return uint64(t) ^ 1<<63 }

func timeOfBits(b uint64) pay.Time { return pay.Time(b ^ 1<<63) }

// splitEntryKey reads the key of a feed entry.
func splitEntryKey(key []byte) (s pay.Scope, seq uint64, ok bool) {
	n := len(key) - seqBytes - 1
	if n < 2 || key[0] != spaceEntry || key[n] != 0 || bytes.IndexByte(key[1:n], 0) >= 0 {
		return "", 0, false
	}
	return pay.Scope(key[1:n]), binary.BigEndian.Uint64(key[n+1:]), true
}

// splitDueKey reads the key of a deadline.
func splitDueKey(key []byte) (at pay.Time, about pay.Subject, ok bool) {
	switch {
	case len(key) == dueBytesV1 && key[0] == spaceDue:
		return timeOfBits(binary.BigEndian.Uint64(key[1:])), pay.PaymentID(key[9 : 9+idBytes]).Subject(), true
	case len(key) != dueBytes || key[0] != spaceDue:
		return 0, about, false
	}
	about = pay.Subject{Kind: pay.SubjectKind(key[9]), ID: [32]byte(key[10 : 10+idBytes])}
	return timeOfBits(binary.BigEndian.Uint64(key[1:])), about, about.Check() == nil
}
