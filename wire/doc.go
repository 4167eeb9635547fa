// Package wire encodes and decodes what nodes and the registry send to each
// other: frames and messages, bytes in and bytes out. It uses no sockets and no
// clock. PROTOCOL.md beside this file specifies the same for implementations in
// other languages.
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
// or, once in a node's life, Enrol and Enrolled. Either side may end the session
// with Bye.
//
// # Growth
//
// Hello and Welcome carry ranges of versions; the registry chooses the newest
// that both sides speak. A receiver ignores map keys from 64 on and frame types
// below 128 that it does not know, and refuses other keys and types that it does
// not know. What it must not ignore is therefore sent only in a session of a
// version that has it.
//
// # Guarantee
//
// A Reader accepts one encoding of each message, within the limits of
// pay/limits.go, and allocates at most 4 KiB beyond what has arrived, whatever
// length a peer announces.
package wire
