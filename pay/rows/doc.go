// Package rows is the only typed access to a role's rows. A role declares each
// of its key spaces once, as a Table: the prefix of the keys, how the rest of a
// key and the value are written, and what stands there. Everything else follows
// from the declaration: reading, writing, walking in pages, and the list of all
// spaces that an audit holds the rows against.
//
// # Keys
//
// A key is the prefix of its space and then the parts of the key one after the
// other, each in a form that keeps their order:
//
//	ID         32 bytes as they are
//	ID8        8 bytes as they are
//	Uint32     4 bytes, big-endian
//	Ascending  8 bytes, big-endian, the sign bit flipped: earlier moments first
//	Descending 8 bytes, big-endian, all but the sign bit flipped: later moments first
//	Text       the bytes of the text, to the end of the key
//	TextUntil  the bytes of the text and one byte that no text holds
//
// No prefix may begin with another one, and none ends in 0xFF.
//
// # Guarantees
//
// A row that is read is a row that Put could have written: any other key or
// value is an error that wraps ErrDamaged. Whether a value in CBOR is in its one
// encoding, with every field, is seen by Check alone, which an audit applies to all
// rows; the store's checksums tell decay. Nothing here keeps memory of the
// store's, and no function keeps rows that it was given.
package rows
