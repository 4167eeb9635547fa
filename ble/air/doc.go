// Package air is a radio for processes that share a folder: the adverts that one
// sends are received by all others in the folder, at the strength that the sender
// states. Tests, demos and machines without a radio use it.
//
// # Flow
//
// Each Air binds a unix datagram socket of its own in the folder and sends each
// advert as one datagram to every other socket there. As with a radio, sending
// never waits: a receiver whose queue is full, or that has just ended, misses the
// advert. The next sender removes the socket of a process that has ended. A
// socket is bound under a hidden name and renamed once it can receive, so that no
// sender finds it earlier.
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
// none on a radio channel.
//
// # Guarantees
//
// Each Advertise uses a fresh address, so code and address change together. Open
// creates the folder for this user only (0700). Foreign datagrams and file names
// cannot make it panic, wait or allocate without bound.
package air
