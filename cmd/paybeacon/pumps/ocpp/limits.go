package ocpp

import (
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	// frameBytesMax bounds one frame of a charge point. Chosen: a StopTransaction that
	// repeats the meter values of a night, and some more.
	frameBytesMax = 256 << 10
	// depthMax bounds the nesting of a frame. Published: five in OCPP 1.6's messages;
	// chosen: some more, for what vendors add.
	depthMax = 12
	// messageIDMax and idTagMax bound a message's id and an idTag, in bytes. Published:
	// OCPP-J 1.6, 4.1.4; OCPP 1.6, 7.28.
	messageIDMax = 36
	idTagMax     = 20
	// pointIDMax bounds a charge point's name, in bytes. Published: OCPP 2.0.1 has 48;
	// 1.6 says nothing.
	pointIDMax = 48
	// faultsMax is how many unreadable frames a socket may send until it is closed.
	// Chosen: more than a faulty charge point sends by accident.
	faultsMax = 32
	// pointsMax and connectorsMax bound a station. Chosen: far above any depot with one
	// box.
	pointsMax     = 128
	connectorsMax = 32
	// connsMax bounds the connections, also of strangers. Chosen: twice pointsMax, for
	// reconnects.
	connsMax = 2 * pointsMax
	// configBytesMax and passwordBytesMax bound the files that describe a station.
	// Chosen: some hundred bytes for each charge point; OCPP's own limit is 40.
	configBytesMax   = 256 << 10
	passwordBytesMax = 128
	// keptMax bounds the settled and the unasked transactions that are remembered for each
	// charge point, so that repeats get their answer. Chosen: more than one that comes
	// back from a day without a line has to tell.
	keptMax = 64
	// eventsMax is how many events wait to be told until frames of charge points have to
	// wait as well. Chosen: a few for each connector of a large station.
	eventsMax = 256
	// transactionMax is where transaction numbers end. Published: OCPP 1.6 leaves the
	// size open; many charge points keep 31 bits.
	transactionMax = 1<<31 - 1

	// heartbeatSeconds is how often a charge point shows that it lives, pingEvery how
	// often this side asks, silenceMax when a silent connection counts as lost. Chosen:
	// an attendant hears of a dead line within two minutes.
	heartbeatSeconds = 60
	pingEvery        = 30 * time.Second
	silenceMax       = 100 * time.Second
	// writeMax is how long one frame may take to be written. Chosen: a charge point that
	// does not read for so long is gone.
	writeMax = 10 * time.Second
	// answerMax is how long a charge point may take to answer a call. Chosen: as long as
	// ocpp-go waits by default.
	answerMax = 30 * time.Second
	// stopAgain is how long after a RemoteStopTransaction the next may follow.
	stopAgain pay.Millis = 10_000
	// clockSlack is how much longer a charge point's clock may say that a transaction
	// took than this side's clock allows. Chosen: a minute's rounding either way.
	clockSlack pay.Millis = 120_000
	// powerMax bounds what a connector gives in an hour, in Wh, where a register that is
	// said to begin at 0 is judged. Published: 3.75 MW, CharIN's Megawatt Charging System.
	powerMax = 4_000_000
	// powerSlack is added to the time for that. Chosen: a message's way.
	powerSlack pay.Millis = 10_000
)
