package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// headerBytes are the length and the type. Published: PROTOCOL.md, "Frames".
	headerBytes = 5
	// pieceBytes is how much a Reader allocates ahead of what has arrived.
	// Chosen: one page of memory.
	pieceBytes = 4 << 10
	// keepBytes is the largest buffer that a Reader keeps between frames.
	// Chosen: holds all but long runs of entries, and 20,000 idle connections
	// stay below 330 MB.
	keepBytes = 16 << 10
	// skippedMax bounds unknown frames in a row. Chosen: far above what one flight
	// of a newer peer takes, and a peer cannot keep the reader busy for ever.
	skippedMax = 64
)

// Append appends the frame that carries m to dst. It panics when m fails its own
// Check or is larger than pay.FrameBytesMax, which is a mistake in the program:
// senders bound what they send.
func Append(dst []byte, m Message) []byte {
	if err := m.Check(); err != nil {
		panic(fmt.Sprintf("wire: internal error: send %T: %v", m, err))
	}
	switch m := m.(type) {
	case Ping:
		body := padded(m.Nonce)
		return appendFrame(dst, m.Type(), body[:])
	case Pong:
		body := padded(m.Nonce)
		return appendFrame(dst, m.Type(), body[:])
	}
	body := pay.Encode(m)
	if len(body)+1 > pay.FrameBytesMax {
		panic(fmt.Sprintf("wire: internal error: %T of %d bytes exceeds a frame", m, len(body)))
	}
	return appendFrame(dst, m.Type(), body)
}

func appendFrame(dst []byte, t Type, body []byte) []byte {
	dst = slices.Grow(dst, headerBytes+len(body))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)+1))
	dst = append(dst, byte(t))
	return append(dst, body...)
}

// Reader reads messages from a stream. It is not safe for concurrent use.
type Reader struct {
	r     io.Reader
	limit int
	frame []byte
}

// NewReader returns a Reader that refuses frames whose type and body together
// have more than limit bytes.
func NewReader(r io.Reader, limit int) *Reader { return &Reader{r: r, limit: limit} }

// SetLimit changes the limit for the frames to come.
func (r *Reader) SetLimit(limit int) { r.limit = limit }

// Frame returns the bytes of the frame that Next returned last, header
// included. They are valid until the next call of Next.
func (r *Reader) Frame() []byte { return r.frame }

// Next returns the next message, skipping frames of unknown types below 128. At
// the end of the stream its error wraps io.EOF between two frames and
// io.ErrUnexpectedEOF inside one. An error about content wraps ErrMalformed and
// one of the stream wraps that of its Read; nothing can be read after any of
// them.
func (r *Reader) Next() (Message, error) {
	for range skippedMax {
		if err := r.read(); err != nil {
			return nil, err
		}
		m, ok, err := parse(Type(r.frame[headerBytes-1]), r.frame[headerBytes:])
		if err != nil {
			return nil, err
		}
		if ok {
			return m, nil
		}
	}
	return nil, fmt.Errorf("read frame: more than %d unknown frames in a row: %w", skippedMax, ErrMalformed)
}

// read fills r.frame with one whole frame. It refuses a length above the limit,
// and allocates as the bytes arrive.
func (r *Reader) read() error {
	if cap(r.frame) > keepBytes {
		r.frame = nil
	}
	r.frame = slices.Grow(r.frame[:0], headerBytes)[:headerBytes]
	if _, err := io.ReadFull(r.r, r.frame); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	length := int64(binary.BigEndian.Uint32(r.frame))
	if length < 1 || length > int64(r.limit) {
		return fmt.Errorf("read frame: length %d is outside 1..%d: %w", length, r.limit, ErrMalformed)
	}
	for missing := int(length) - 1; missing > 0; {
		have := len(r.frame)
		piece := min(missing, pieceBytes)
		r.frame = slices.Grow(r.frame, piece)[:have+piece]
		n, err := io.ReadFull(r.r, r.frame[have:])
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read frame: after %d of %d bytes: %w", have+n-headerBytes+1, length, err)
		}
		missing -= piece
	}
	return nil
}

// ReadMessage reads one message from r as a Reader with the given limit does,
// with the errors of Next.
func ReadMessage(r io.Reader, limit int) (Message, error) { return NewReader(r, limit).Next() }
