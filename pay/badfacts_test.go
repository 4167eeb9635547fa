package pay_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// badFact is a fact in another than the one form.
type badFact struct {
	name string
	raw  []byte
}

// badFacts are readings of one fact that some COSE library would accept, and
// bodies that say what no node may say.
func badFacts(t testing.TB) (list []badFact) {
	t.Helper()
	add := func(name string, change func(*parts)) {
		p := split(t)
		change(&p)
		list = append(list, badFact{name, p.join()})
	}
	add("no tag", func(p *parts) { p.tag = nil })
	add("tag 17", func(p *parts) { p.tag = []byte{0xd1} })
	add("tag 18 in two bytes", func(p *parts) { p.tag = []byte{0xd8, 18} })
	add("tag 18 in three bytes", func(p *parts) { p.tag = []byte{0xd9, 0, 18} })
	add("tag 18 twice", func(p *parts) { p.tag = []byte{0xd2, 0xd2} })
	add("self-described tag in front", func(p *parts) { p.tag = []byte{0xd9, 0xd9, 0xf7, 0xd2} })
	add("null behind the tag", func(p *parts) { *p = parts{tag: []byte{0xd2, 0xf6}, header: []byte{}} })
	add("array length in two bytes", func(p *parts) { p.array = []byte{0x98, 4} })
	add("indefinite array", func(p *parts) { p.array = []byte{0x9f}; p.signature = append(p.signature, 0xff) })
	add("five parts", func(p *parts) { p.array = []byte{0x85}; p.signature = append(p.signature, 0xf6) })
	add("three parts", func(p *parts) { p.array = []byte{0x83}; p.signature = nil })
	add("trailing byte", func(p *parts) { p.signature = append(p.signature, 0) })
	add("trailing fact", func(p *parts) { p.signature = append(p.signature, split(t).join()...) })

	add("unprotected null", func(p *parts) { p.unprotected = []byte{0xf6} })
	add("unprotected undefined", func(p *parts) { p.unprotected = []byte{0xf7} })
	add("unprotected holds a kid", func(p *parts) { p.unprotected = []byte{0xa1, 0x04, 0x41, 0x01} })
	add("unprotected is an array", func(p *parts) { p.unprotected = []byte{0x80} })
	add("unprotected indefinite", func(p *parts) { p.unprotected = []byte{0xbf, 0xff} })
	add("unprotected length in two bytes", func(p *parts) { p.unprotected = []byte{0xb8, 0} })

	add("payload detached", func(p *parts) { p.payload = []byte{0xf6} })
	add("payload empty", func(p *parts) { p.payload = []byte{0x40} })
	add("payload as text", func(p *parts) { p.payload[0] |= 0x20 })
	add("payload not wrapped", func(p *parts) { p.payload = p.payload[2:] })
	add("signature null", func(p *parts) { p.signature = []byte{0xf6} })
	add("signature of 63 bytes", func(p *parts) { p.signature = pay.Encode(p.signature[3:]) })
	add("signature of 65 bytes", func(p *parts) { p.signature = pay.Encode(append(p.signature[2:], 0)) })
	add("signature length in three bytes", func(p *parts) { p.signature = slices.Concat([]byte{0x59, 0, 64}, p.signature[2:]) })
	add("signature in chunks", func(p *parts) { p.signature = slices.Concat([]byte{0x5f}, p.signature, []byte{0xff}) })

	add("header empty", func(p *parts) { p.header = []byte{} })
	add("header an empty map", func(p *parts) { p.header = []byte{0xa0} })
	add("header not a map", func(p *parts) { p.header = []byte{0x83, 0x27, 0x60, 0x40} })
	add("algorithm ES256", func(p *parts) { p.alg = []byte{0x26} })
	add("algorithm null", func(p *parts) { p.alg = []byte{0xf6} })
	add("algorithm in two bytes", func(p *parts) { p.alg = []byte{0x38, 7} })
	add("algorithm by name", func(p *parts) { p.alg = pay.Encode("EdDSA") })
	add("header unsorted", func(p *parts) {
		p.header = slices.Concat([]byte{0xa3, 0x03}, p.contentType, []byte{0x01}, p.alg, []byte{0x04}, p.keyID)
	})
	add("header with two algorithms", func(p *parts) {
		p.header = slices.Concat([]byte{0xa4, 0x01}, p.alg, []byte{0x01}, p.alg, []byte{0x03}, p.contentType, []byte{0x04}, p.keyID)
	})
	add("header with one more label", func(p *parts) {
		p.header = slices.Concat([]byte{0xa4, 0x01}, p.alg, []byte{0x03}, p.contentType, []byte{0x04}, p.keyID, []byte{0x05, 0x41, 0})
	})
	add("header says critical", func(p *parts) {
		p.header = slices.Concat([]byte{0xa4, 0x01}, p.alg, []byte{0x02, 0x81, 0x03, 0x03}, p.contentType, []byte{0x04}, p.keyID)
	})
	add("header without kid", func(p *parts) {
		p.header = slices.Concat([]byte{0xa2, 0x01}, p.alg, []byte{0x03}, p.contentType)
	})
	add("header indefinite", func(p *parts) {
		p.header = slices.Concat([]byte{0xbf, 0x01}, p.alg, []byte{0x03}, p.contentType, []byte{0x04}, p.keyID, []byte{0xff})
	})
	add("header with something behind it", func(p *parts) {
		p.header = slices.Concat([]byte{0xa3, 0x01}, p.alg, []byte{0x03}, p.contentType, []byte{0x04}, p.keyID, []byte{0x00})
	})
	add("kid of 31 bytes", func(p *parts) { p.keyID = pay.Encode(p.keyID[3:]) })
	add("kid of 33 bytes", func(p *parts) { p.keyID = pay.Encode(append(p.keyID[2:], 0)) })
	add("kid as text", func(p *parts) { p.keyID = pay.Encode(strings.Repeat("k", 32)) })
	add("kid as an array", func(p *parts) { p.keyID = slices.Concat([]byte{0x98, 32}, make([]byte, 32)) })
	add("kid null", func(p *parts) { p.keyID = []byte{0xf6} })

	add("content type a number", func(p *parts) { p.contentType = []byte{0x18, 60} })
	add("content type as bytes", func(p *parts) { p.contentType[0] &^= 0x20 })
	for _, c := range []struct{ name, is string }{
		{"of another family", "application/cbor"},
		{"without suffix", "application/vnd.paybeacon.cancel"},
		{"with parameters", "application/vnd.paybeacon.cancel+cbor; v=1"},
		{"in capitals", "application/vnd.paybeacon.Cancel+cbor"},
		{"without kind", "application/vnd.paybeacon.+cbor"},
		{"with a dot in the kind", "application/vnd.paybeacon.can.cel+cbor"},
		{"with a kind too long", "application/vnd.paybeacon." + strings.Repeat("k", 33) + "+cbor"},
		{"of another kind", "application/vnd.paybeacon.request+cbor"},
	} {
		add("content type "+c.name, func(p *parts) { p.contentType = pay.Encode(c.is) })
	}
	add("content type not UTF-8", func(p *parts) { p.contentType = bytes.Replace(p.contentType, []byte("cancel"), []byte("can\xffel"), 1) })
	return append(list, badBodies(t)...)
}

// badBodies are cancels whose body is not in the one form.
func badBodies(t testing.TB) (list []badFact) {
	t.Helper()
	add := func(name string, body ...[]byte) {
		p := split(t)
		p.payload = pay.Encode(slices.Concat(body...))
		list = append(list, badFact{"body: " + name, p.join()})
	}
	id := pay.Encode(bytes.Repeat([]byte{1}, 32))
	created := pay.Encode(int64(noon))
	add("empty map", []byte{0xa0})
	add("null", []byte{0xf6})
	add("array instead of map", []byte{0x82}, id, created)
	add("a field missing", []byte{0xa1, 0x01}, id)
	add("fields unsorted", []byte{0xa2, 0x02}, created, []byte{0x01}, id)
	add("a field twice", []byte{0xa3, 0x01}, id, []byte{0x02}, created, []byte{0x02}, created)
	add("a field no cancel has", []byte{0xa3, 0x01}, id, []byte{0x02}, created, []byte{0x03, 0x01})
	add("a field with a name", []byte{0xa3, 0x01}, id, []byte{0x02}, created, []byte{0x61, 'x', 0x01})
	add("indefinite map", []byte{0xbf, 0x01}, id, []byte{0x02}, created, []byte{0xff})
	add("map length in two bytes", []byte{0xb8, 2, 0x01}, id, []byte{0x02}, created)
	add("label in two bytes", []byte{0xa2, 0x18, 1}, id, []byte{0x02}, created)
	add("label as text", []byte{0xa2, 0x61, '1'}, id, []byte{0x02}, created)
	add("time 1 in two bytes", []byte{0xa2, 0x01}, id, []byte{0x02, 0x18, 1})
	add("time in nine bytes", []byte{0xa2, 0x01}, id, []byte{0x02, 0x1b, 0, 0, 0, 0, 0, 0, 0, 1})
	add("time as float", []byte{0xa2, 0x01}, id, []byte{0x02, 0xf9, 0x3c, 0x00})
	add("time as bignum", []byte{0xa2, 0x01}, id, []byte{0x02, 0xc2, 0x41, 0x01})
	add("time tagged", []byte{0xa2, 0x01}, id, []byte{0x02, 0xc1, 0x01})
	add("time null", []byte{0xa2, 0x01}, id, []byte{0x02, 0xf6})
	add("time as text", []byte{0xa2, 0x01}, id, []byte{0x02, 0x61, '1'})
	add("time beyond int64", []byte{0xa2, 0x01}, id, []byte{0x02, 0x1b}, binary.BigEndian.AppendUint64(nil, 1<<63))
	add("time beyond the year 9999", []byte{0xa2, 0x01}, id, []byte{0x02, 0x1b}, binary.BigEndian.AppendUint64(nil, 253_402_300_800_000))
	add("id of 31 bytes", []byte{0xa2, 0x01}, pay.Encode(make([]byte, 31)), []byte{0x02}, created)
	add("id of 33 bytes", []byte{0xa2, 0x01}, pay.Encode(make([]byte, 33)), []byte{0x02}, created)
	add("id as text", []byte{0xa2, 0x01}, pay.Encode(strings.Repeat("i", 32)), []byte{0x02}, created)
	add("id as an array", []byte{0xa2, 0x01, 0x98, 32}, make([]byte, 32), []byte{0x02}, created)
	add("id null", []byte{0xa2, 0x01, 0xf6, 0x02}, created)
	add("id in chunks", []byte{0xa2, 0x01, 0x5f}, id, []byte{0xff, 0x02}, created)
	add("id length in three bytes", []byte{0xa2, 0x01, 0x59, 0, 32}, id[2:], []byte{0x02}, created)
	add("trailing byte", []byte{0xa2, 0x01}, id, []byte{0x02}, created, []byte{0})
	return list
}

func TestParseTakesOneFormOnly(t *testing.T) {
	t.Parallel()
	for _, b := range badFacts(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			wantNotCanonical(t, b.raw)
		})
	}
}
