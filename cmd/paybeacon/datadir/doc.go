// Package datadir keeps the directory of a node: what lies in it, who has it open, and
// how a file comes to be there so that no crash leaves half of one.
//
// # Layout
//
//	format            the layout's version, a number
//	lock              held by the process that has the directory open
//	control.sock      the running daemon's socket, mode 0600
//	store/            the facts and all that is derived from them (not for a device)
//	node.key          the node's key; at the registry its working key
//	root.key, secrets.json, authority.cose              registry only
//	member.json       what enrolment told                box and wallet
//	registry.json     when the registry was last heard    box and wallet
//	device.state      identity, beacon key, counter       device
//	config.toml       flags of the daemon, where its owner wrote it; read by package cli
//
// What a directory is can be told by the files in it (Dir.Role), so a command needs no
// more than --data. The package knows these files and no node: it makes keys and secrets
// and reads them back, but decides nothing by them.
//
// # Files
//
// A file is written beside its place, flushed and renamed over it. One that is missing is
// made anew; one that is a link into a disk that is not mounted is not missing, and is
// refused. What cannot be read or written comes back as a *pay.Error whose hint says what
// a person can do. A file that a command writes for somebody (Output, for --to) is made
// by the same rules, and replaces nothing but its own kind.
//
// # Guarantees
//
// A directory is open in one process at a time: the lock is the kernel's and goes with the
// process. Every file in it is either the old one or the new one after a crash. Nobody
// but the owner can read any of them. A directory of a newer layout is not touched.
package datadir
