// Package ocpp makes the charge points of a station pumps: the box is their central
// system, and they connect to it by OCPP 1.6-J, JSON over websockets.
//
// # The idea
//
// A release is a RemoteStartTransaction with an idTag that is drawn for it and works once,
// at one connector. What the charge point then tells is the fact:
//
//	Release  -> RemoteStartTransaction(idTag)
//	            StartTransaction(idTag, meterStart)      -> Began
//	            MeterValues                              -> Metered; near Most: RemoteStopTransaction
//	Stop     -> RemoteStopTransaction
//	            StopTransaction(meterStop)               -> Ended
//	            StatusNotification, and the connection   -> Lifted, Hung, Failed, Back
//
// A release without an answer may have been heard, so it stands until a StartTransaction
// uses it or Stop takes it back.
//
// # What is used of ocpp-go
//
// Its messages, their rules and their framing (ocppj.Endpoint). Its sockets and its
// central system are not used: they listen on every address, bound no frame, answer to a
// charge point's name and so perhaps on another socket than the question came from, close
// the new socket of a charge point whose old one is dead, and carry out each call in a
// goroutine of its own; and what happens to one charge point can stop all. Here a charge
// point has one socket, the newest; one worker takes its frames in order; an answer goes
// to the socket of its question. Frames are read here first, exactly: names by their case,
// no name twice, numbers as they are written. What the library would turn into a zero or a
// rounded number is missing or unreadable here.
//
// # What is believed
//
// A transaction is recognised by connector, idTag, meterStart and timestamp, an end by the
// transaction's number, so both may be told any number of times; the first is the fact,
// and each repeat gets the same answer. Numbers are drawn from a durable counter before
// the release is sent. What cannot be as it is told ends with one of the doubts below; it
// is never guessed, and never refused, because a charge point would only tell it again.
// Times of a charge point's clock are used for differences alone, and only as long as
// this side's clock does not contradict them.
//
// # Guarantees
//
// What was released, started or ended is on the disk before the answer to it is given, and
// an end is told after every start until it is settled. Memory is bounded whatever charge
// points send. A file that is damaged anywhere but in its torn last line is refused.
package ocpp
