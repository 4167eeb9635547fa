package kv

import "errors"

// ErrTooBig says that a key, a value or a whole transaction exceeds what the
// engine can commit at once. The transaction is lost: Update returns ErrTooBig
// even when the function it ran swallows it, and nothing was written. A caller
// that joined several commands runs Update again with fewer of them.
var ErrTooBig = errors.New("kv: transaction is too big")

// ErrEnded says that a Reader or Tx was used after the function it was handed
// to had returned. It is always a mistake of the caller.
var ErrEnded = errors.New("kv: transaction has ended")
