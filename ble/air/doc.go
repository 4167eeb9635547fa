// Package air is a radio for processes that share a folder: what one sends, all
// others in the folder receive at the strength the sender states. Tests, demos
// and machines without a radio use it.
//
// # Flow
//
// Each Air binds a unix datagram socket of its own in the folder and sends each
// advert as one datagram to every other socket there. As in the air, sending
// never waits: a receiver whose queue is full, or that just died, misses the
// advert. The socket of a dead process is removed by whoever finds it dead. A
// socket is bound under a hidden name and then renamed, so that nobody finds it
// before it receives.
//
// # Datagram
//
//	offset  bytes  content
//	0       4      "pba1"
//	4       6      address of the sender, most significant byte first
//	10      1      strength at the receiver, int8 dBm; 127: not known
//	11      n      advertising payload, 1..31 bytes
//
// Anything else is counted and ignored. There is no authentication, as there is
// none in the air.
//
// # Guarantees
//
// Each Advertise uses a fresh address, so code and address change together.
// Opening creates the folder for this user alone (0700). Foreign datagrams and
// file names cannot make it panic, wait or allocate without bound.
package air
