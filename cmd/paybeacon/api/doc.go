// Package api holds the words that scripts and other programs exchange with a
// node: the objects that commands print with --json, the requests and answers of
// a node's control socket, and errors as objects.
//
// # Layout
//
//	objects.go, health.go, events.go   the objects, one type each
//	requests.go                        what the verbs are asked
//	verbs.go                           the verbs, each with its request and answer
//	decode.go                          a request is read: exact names, texts that do not deceive
//	problem.go                         an error as an object, and back
//	control.go                         the server: a verb is a POST to /v1/VERB
//	client.go                          the client of the same socket
//
// # Guarantees
//
// Names and meaning of fields are a promise to people's scripts. Fields may be
// added; none is renamed or removed. A request with a field that the verb does not
// know is refused. The package reads no file and knows no node: it can be
// imported by a program of somebody else.
package api
