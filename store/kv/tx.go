package kv

import "errors"

// ErrTooBig means that a key, a value or a whole transaction is larger than the
// engine can commit at once. The transaction has failed: Update returns ErrTooBig
// even if its function ignores the error, and nothing was written. A caller that
// joined several commands runs Update again with fewer of them.
var ErrTooBig = errors.New("kv: transaction is too big")

// ErrEnded means that a Reader or Tx was used after the function that it was
// passed to had returned. It is always a mistake of the caller.
var ErrEnded = errors.New("kv: transaction has ended")
