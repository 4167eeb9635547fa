package history

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Finding is a decision that does not fit what this node knows. It changed
// nothing.
type Finding struct {
	Payment pay.PaymentID
	Fact    pay.FactID
	Why     string
}

func findingKey(id pay.PaymentID) []byte { return append([]byte("hx"), id[:]...) }

// AddFinding keeps the decision d, whose stored fact has the given id, as one
// that does not fit.
func AddFinding(rows pay.WritableRows, id pay.FactID, d pay.Decision, why string) error {
	key := binary.BigEndian.AppendUint32(findingKey(d.Payment), d.Seq)
	return rows.Put(append(key, id[:]...), []byte(why))
}

// Findings returns up to pay.ListMax findings. On a healthy node there are none.
func Findings(rows pay.Rows) (list []Finding, err error) {
	bad := false
	err = rows.Scan([]byte("hx"), []byte("hy"), pay.ListMax, func(key, value []byte) bool {
		const head = len("hx") + idBytes + 4
		if bad = len(key) != head+idBytes; bad {
			return false
		}
		list = append(list, Finding{pay.PaymentID(key[2 : 2+idBytes]), pay.FactID(key[head:]), string(value)})
		return true
	})
	if err == nil && bad {
		err = fmt.Errorf("read finding: key has the wrong length")
	}
	return list, err
}

// understood says whether this program may act although a fact of this kind
// stands in the feed.
func understood(k pay.Kind) bool { return !k.Critical() }

// NoteKind remembers the kind of a fact that no role handles, if the program
// must not act without understanding it.
func NoteKind(rows pay.WritableRows, f pay.Fact) error {
	if understood(f.Kind()) {
		return nil
	}
	key := append([]byte("hu"), f.Kind()...)
	if _, ok, err := rows.Get(key); ok || err != nil {
		return err
	}
	id := f.ID()
	return rows.Put(key, id[:])
}

// Understands returns nil, or a pay.Error with pay.CodeUpgrade once the feed
// holds a critical fact that this program does not understand. Until it is
// upgraded nothing new must be asked for or approved.
func Understands(rows pay.Rows) error {
	keys, err := keysIn(rows, []byte("hu"), []byte("hv"), pay.ListMax)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(key []byte) bool { return !understood(pay.Kind(key[2:])) })
	if i < 0 {
		return nil
	}
	return pay.NewError(pay.CodeUpgrade, fmt.Sprintf("the registry uses %q, which this version does not understand", keys[i][2:]),
		"upgrade paybeacon here; what was begun goes on, nothing new is begun until then")
}
