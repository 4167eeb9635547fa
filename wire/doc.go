// Package wire is the language that nodes and the registry speak: frames and
// messages, bytes in and bytes out. It knows no sockets and no clock.
// PROTOCOL.md beside this file says the same for readers of other languages.
//
// # Layout
//
// A connection carries one stream of frames in each direction:
//
//	+--------+--------+--------+--------+--------+-------------------+
//	|  length of type and body, uint32  |  type  |  body             |
//	|            big-endian             | uint8  |  length - 1 bytes |
//	+--------+--------+--------+--------+--------+-------------------+
//
// A body is one item of deterministic CBOR (RFC 8949 section 4.2): a map with
// small integers for keys. Ping and Pong are always 64 bytes long.
//
// # Flow
//
//	node                                            registry
//	Hello                  ->
//	                       <-  Welcome, Entries ...     resume: one round trip
//	Push                   ->                           outbox, in order
//	                       <-  Ack                      durable there
//	                       <-  Entries                  as they commit
//	Seen                   ->                           durable here
//	Ping                   ->
//	                       <-  Pong
//
// or, once in a node's life, Enrol and Enrolled. Either side may say Bye.
//
// # Guarantee
//
// A Reader accepts one encoding of each message, within the limits of
// pay/limits.go, and allocates no more than a small piece beyond what has
// really arrived, whatever length a peer announces.
package wire
