package pay

// Every limit of the product stands here, so that each can be found and each
// is the same on every node. Lengths are in bytes unless the name says
// otherwise. Each comment ends with where a number comes from: measured,
// published, or chosen and why.
const (
	// AmountMax is the largest single amount, in minor units. Chosen: far
	// above any payment at a till, and so small that 100,000 of them are
	// within BalanceMax.
	AmountMax Amount = 10_000_000_000
	// BalanceMax is the largest sum that an account may hold. Chosen: more
	// than 9,000 of them fit an int64.
	BalanceMax Amount = 1_000_000_000_000_000

	// FactBytesMax bounds one signed fact, envelope included. Chosen: ten
	// times the longest that there is.
	FactBytesMax = 8 << 10
	// NameBytesMax bounds the name of a merchant, a site, a wallet, a vehicle
	// or a payment means. Chosen: a name that fits one line.
	NameBytesMax = 64
	// RefBytesMax bounds the order or bill number that travels with a charge.
	// Chosen: as much as a SEPA credit transfer carries.
	RefBytesMax = 140
	// KeyBytesMax bounds an idempotency key. Chosen: room for two UUIDs and a
	// name.
	KeyBytesMax = 128
	// MandateMax is for how long a mandate may stand. Published: the command's contract.
	MandateMax Millis = 400 * 24 * 3_600_000
	// MandatesMax bounds the mandates of one wallet that stand at one time. Chosen: more
	// than a person remembers; each payment is held against all of them.
	MandatesMax = 64
	// classBytesMax bounds the name of a class of boxes. Chosen: as those of states.
	classBytesMax = 24
	// RulesMax bounds the rules that a wallet keeps. Chosen: more than a person
	// remembers; each offer is held against all of them.
	RulesMax = 64
	// WhyBytesMax bounds what an operator says to a payment that is settled. Chosen: some
	// sentences, within one message.
	WhyBytesMax = 300

	// RuleBytesMax bounds the name of the rule that answered an offer.
	// Chosen: as a name.
	RuleBytesMax = 64

	// TokenBytesMax bounds what an acquirer gave a payer to pay by. Published: the
	// ids of Stripe's objects have up to 255 characters.
	TokenBytesMax = 255
	// MeansPerWalletMax bounds the means that a wallet pays by at one time. Chosen:
	// more cards than a person carries.
	MeansPerWalletMax = 16
	// ReferenceBytesMax bounds an acquirer's name for what it did. Published: as
	// TokenBytesMax.
	ReferenceBytesMax = 255
	// AcquirerTimeout is how long one call to an acquirer may take before it counts
	// as not answered. Published: Stripe asks its callers to wait for 80 s at most;
	// chosen: shorter, because asking again under the same key is safe.
	AcquirerTimeout Millis = 30_000

	// The bounds of handles, scopes and the stable names of step-ups, states
	// and reasons. Chosen: about twice the longest that there is, so that
	// later ones fit older programs.
	handleBytesMax = 32
	scopeBytesMax  = 48
	stepUpBytesMax = 24
	stateBytesMax  = 24
	reasonBytesMax = 32

	// evidenceBytesMax bounds the name of how a payer was found. Chosen: as those
	// above.
	evidenceBytesMax = 24

	// acquirerBytesMax and verbBytesMax bound the name of an acquirer and of what it is
	// asked. Chosen: as those above.
	acquirerBytesMax = 24
	verbBytesMax     = 24

	// RequestTTLMin and RequestTTLMax bound how long a request stays open.
	// Chosen: from what a round trip takes to what a customer waits.
	RequestTTLMin Millis = 1_000
	RequestTTLMax Millis = 15 * 60_000
	// RequestTTLDefault is how long a charge stays open when it names no
	// time. Chosen: a person finds the phone and reads the offer in it.
	RequestTTLDefault Millis = 60_000

	// HoldMin and HoldMax bound for how long an amount is held, and HoldMax is how long
	// where a charge does not say. Published: the contract of the command, seven days;
	// chosen, the least: nobody captures sooner by hand.
	HoldMin Millis = 60_000
	HoldMax Millis = 7 * 24 * 3_600_000
	// CaptureGrace is how long after the end of a hold a capture is followed that its
	// box had stored before; until then the money stays held. It bounds, too, what a box
	// gains that lies about when that was. Published: the contract of the command.
	CaptureGrace Millis = 15 * 60_000

	// IncrementsMax bounds how often a payer is asked for more on one hold. Chosen: more
	// often than a guest stays for another night, and few enough that a box which asks
	// without end reaches nobody.
	IncrementsMax = 10
	// DecisionsMax bounds the decisions on one payment, all of which whoever shows it
	// reads again. Chosen: more captures and refunds than a tab of an evening has.
	DecisionsMax = 100

	// QuantityMax bounds what one fuelling gives, in thousandths of a litre or of a kWh.
	// Chosen: five road tankers, and a tenth of what the total has room for.
	QuantityMax Quantity = 100_000_000
	// MeterMax bounds what the register of a meter reads, in the same unit. Chosen: what
	// a pump gives in some hundred years.
	MeterMax Quantity = 1_000_000_000_000
	// UnitPriceMax bounds the price of a litre or kWh, in tenths of a minor unit. Chosen:
	// a thousand times what any fuel costs in a currency with two decimals, and room for
	// currencies of small units.
	UnitPriceMax UnitPrice = 100_000_000
	// ProductBytesMax bounds the name of a fuel. Chosen: as those of states.
	ProductBytesMax = 24
	// PlateBytesMax bounds a registration plate. Chosen: the longest have ten signs, of
	// up to nine bytes each where Hangul is written in its parts.
	PlateBytesMax = 96
	// PumpNumberMax bounds the number of a pump. Chosen: what three digits show.
	PumpNumberMax PumpNumber = 999
	// DeliveryMax bounds how long a pump gives for one fuelling. Chosen: the longest hold
	// at a charge point, and its grace.
	DeliveryMax Millis = 25 * 3_600_000
	// FuelLeave is how long after it was last heard a vehicle has left the station.
	// Published: the contract of the command.
	FuelLeave Millis = 10 * 60_000
	// EnteredMax bounds the vehicles that are on a station's list. Chosen: a large
	// motorway station with all its parking places full.
	EnteredMax = 512
	// PlatePartMin is how many characters of a plate select a vehicle; one lists.
	// Chosen: as the beginning of a handle, a single one is more often a slip than meant.
	PlatePartMin = 2
	// PricesMax bounds the products that a station has prices for. Chosen: several
	// times what a price board shows.
	PricesMax = 32
	// FuelHold and ChargeHold are how long an amount is held for fuel and at a charge
	// point, and for how long what is paid afterwards may take. Published: the contract
	// of the command.
	FuelHold   Millis = 3_600_000
	ChargeHold Millis = 24 * 3_600_000
	// FlowMax and PowerMax bound what a pump gives in an hour, in thousandths of a litre
	// or of a kWh. Published: a high-flow pump for lorries gives 130 l a minute, a charge
	// point of the megawatt system 3.75 MW; chosen: a little more.
	FlowMax  Quantity = 10_000_000
	PowerMax Quantity = 4_000_000
	// FlowSlackPercent is how much more than it states a pump may give: published, EN
	// 50160 lets the voltage of the grid be a tenth above its nominal value.
	// FlowSlackTime is how much longer it may have given than the station says. Chosen:
	// both ends are whole seconds of clocks that are seldom read.
	FlowSlackPercent        = 10
	FlowSlackTime    Millis = 5_000
	// RegisterLitresMax and RegisterEnergyMax are the most that a meter which read zero
	// before may read after and be taken for one that counts from zero each time. What
	// is more is taken for the register of a meter's whole life. Chosen: the tanks of a
	// lorry, and above any car's battery; a lorry's is settled by the attendant.
	RegisterLitresMax Quantity = 2_000_000
	RegisterEnergyMax Quantity = 250_000
	// LookCodesMax bounds the codes of one question about vehicles, LookCodesPerMinute
	// those of one session in a minute, and LookAgoMax how long before a code may have
	// been heard. Chosen: the cars of a large forecourt, each asked of at every rotation
	// and again after a lost answer; as HandleMemory.
	LookCodesMax              = 32
	LookCodesPerMinute        = 480
	LookAgoMax         Millis = 120_000
	// MeterRecordBytesMax bounds what a meter signed. Published: an OCMF record is some
	// hundred bytes of JSON and a signature; chosen: several times that.
	MeterRecordBytesMax = 2 << 10

	// StepSlack is how long after its end a code is still accepted, before
	// drift: the advert, the box's filter and the cashier take that long.
	// Chosen: the filter decides after 2 to 4 s, and a late switch takes 2 s.
	StepSlack Millis = 8_000
	// SwitchJitterMax bounds how late into a step a device switches to its
	// code, so that the moment shows nothing. It is spent out of StepSlack.
	// Chosen: a quarter of StepSlack; Eddystone-EID asks for a random moment
	// of the step.
	SwitchJitterMax Millis = 2_000
	// DriftBase and DriftPerMillion make g, the drift allowed either side of
	// a step: DriftBase plus DriftPerMillion of the time since the device was
	// last resolved, at most one step. Published, DriftPerMillion:
	// Eddystone-EID requires a clock within 150 ppm. Chosen, DriftBase: an
	// anchor's whole seconds, and what the link takes.
	DriftBase       Millis = 5_000
	DriftPerMillion Millis = 150
	// OutOfStepReach is how far around now the registry looks for the step of
	// a code that is outside its window, only to be able to name the reason.
	// Chosen: above RequestTTLMax, the age at which a request is refused.
	OutOfStepReach Millis = 20 * 60_000
	// OutOfStepCodesMax bounds the codes computed for that: above it the
	// reason is unknown_code. Chosen: it bounds time and memory.
	OutOfStepCodesMax = 4 << 20
	// OutOfStepReachMax is how far it looks where that takes no more than
	// OutOfStepCodesFew codes. Chosen: a clock that is kept in local time, or
	// is a day wrong, in a house of some hundred devices; some 50 ms a minute.
	OutOfStepReachMax Millis = 25 * 3_600_000
	OutOfStepCodesFew        = 1 << 19

	// ClockFollow is how far the wall clock may be from where it should be
	// and count as corrected: it is followed. What is more is a step, and puts
	// the clock in doubt. Chosen: more than time synchronisation corrects, and
	// no more than DriftBase, so that codes still resolve.
	ClockFollow Millis = 5_000
	// ClockAbsenceMax is the longest that a machine may have been off: after
	// that its clock is not believed. Chosen: more than a season's rest.
	ClockAbsenceMax Millis = 400 * 24 * 3_600_000

	// ExponentMax is the largest K of Eddystone-EID. Published: its
	// specification.
	ExponentMax Exponent = 15

	// RefusalsPerHour bounds the signed refusals that one node's rejected
	// claims leave behind in an hour; beyond it one summary stands for all.
	// Chosen: far above an honest node's, and a hostile one costs little.
	RefusalsPerHour = 100
	// PromptsPerHour bounds the unanswered or declined prompts that one box
	// may cause at one wallet in an hour. Chosen: more than honest mistakes
	// at a counter cause, fewer than drive a person to approve.
	PromptsPerHour = 20
	// PromptsElsewherePerHour bounds those that a box causes at a wallet in an
	// hour while one other box hears the same codes. They are counted apart, for
	// each other box, because an honest box cannot help it. Chosen: dozens may wait
	// for a person at once, and nobody else can use them up.
	PromptsElsewherePerHour = 60
	// PromptsByRule bounds the offers of one box that wait at one wallet for the answer
	// of a rule. They count as prompts once they have waited for PromptRuleWait.
	// Chosen: as many as a box pushes ahead when it comes back from an outage.
	PromptsByRule = 512
	// PromptRuleWait is how long a rule may take before its owner is taken to be asked.
	// Chosen: long beside the way to a wallet that is connected, short beside what it
	// takes a person to answer a few.
	PromptRuleWait Millis = 10_000
	// EarshotEvery is how often a merchant is told that another place hears its
	// customers. Chosen: a merchant who has heard it can do nothing until the
	// operator has.
	EarshotEvery Millis = 24 * 3_600_000
	// EarshotKept is for how long registry and box say that two places heard the
	// same codes. Chosen: a market that comes once a week is still known.
	EarshotKept Millis = 8 * 24 * 3_600_000
	// ClockMovesMax bounds the accepted moves of the registry's clock that are kept.
	// Chosen: far more often than anybody sets a clock right; the anchors of devices
	// that were not heard of since the oldest are renewed over the link.
	ClockMovesMax = 64
	// UrgentItemsMax bounds how many items of the outbox are searched for urgent
	// claims. Chosen: many times what anybody does while the registry refuses the
	// node.
	UrgentItemsMax = 4096
	// HeardPlacesMax bounds the places of which the registry notes that they heard
	// one code. Chosen: more than there are at a crossroads.
	HeardPlacesMax = 8
	// TwoChannelLife is how long an offer that needs two channels stands, and
	// with it the challenge and every authentication code made for it.
	// Chosen: twice RequestTTLDefault, because the device may have to be
	// fetched.
	TwoChannelLife Millis = 120_000
	// SilenceMax is how long a device may go unresolved before its next
	// payment needs two channels. Chosen: by then 150 ppm are 6.5 minutes,
	// six steps of a minute each.
	SilenceMax Millis = 30 * 24 * 3_600_000
	// DeviceProbation is how long the authentication codes of a further
	// device of a wallet do not count, so that a stolen phone cannot make
	// itself a device. Chosen: an owner misses a phone within a day.
	DeviceProbation Millis = 24 * 3_600_000
	// FormerMax bounds the forgotten identities that a device's bind encloses.
	// Chosen: a device is seldom made anew twice before it is paired.
	FormerMax = 4
	// AuthCodesPerMinute bounds the authentication codes that a device gives.
	// Chosen: where two places hear one another's customers each payment may need
	// one, and two a second are more than a person approves.
	AuthCodesPerMinute = 120
	// DevicesPerWalletMax bounds the devices mapped to one wallet at one
	// time. Chosen: more than one person carries.
	DevicesPerWalletMax = 32

	// FrameBytesMax bounds one frame between nodes. Chosen: above all that
	// may be in flight at once.
	FrameBytesMax = 256 << 10
	// FirstFrameBytesMax bounds a frame before both sides know that they will
	// talk. Chosen: it holds one fact and a little more.
	FirstFrameBytesMax = FactBytesMax + 2<<10
	// BatchBytesMax is how large senders make one frame of facts. One item or
	// entry always fits, whatever its size. Chosen: at most half of
	// PushWindowBytes, so that one frame travels while the next is read.
	BatchBytesMax = 48 << 10
	// BatchFactsMax bounds the entries or items in one frame. Chosen: about
	// 10 ms of verifying signatures.
	BatchFactsMax = 256
	// PushWindowBytes and PushWindowItems bound the outbox items in flight,
	// that is pushed and not yet acknowledged. Chosen: two frames.
	PushWindowBytes = 96 << 10
	PushWindowItems = 512
	// FeedWindowBytes and FeedWindowEntries bound the feed entries in flight,
	// that is sent and not yet reported as seen. Chosen: half of
	// ReceiveWindowBytes.
	FeedWindowBytes   = 128 << 10
	FeedWindowEntries = 1_024
	// ReceiveWindowBytes is what a peer can make a node hold unread on one
	// connection. Chosen: above both windows, so that a healthy peer never
	// blocks.
	ReceiveWindowBytes = 256 << 10
	// TextBytesMax bounds a message or hint that one node sends to another.
	// Chosen: some lines of a terminal.
	TextBytesMax = 400
	// OutboxItemsMax bounds what a node queues while it cannot reach the
	// registry. Chosen: a request a second for a day.
	OutboxItemsMax = 100_000
	// UrgentFactsMax bounds the claims that a node which may not push its outbox
	// gives to the registry at once. Chosen: more devices than a wallet loses at
	// a time, and all of them fit into a first frame.
	UrgentFactsMax = 16
	// EffectBytesMax bounds the body of an effect. Chosen: half of a fact.
	EffectBytesMax = 4 << 10
	// ItemFactsMax bounds the facts that travel as one outbox item. Chosen:
	// twice the two that there are, a request and its cancel.
	ItemFactsMax = 4

	// InviteTTLDefault and InviteTTLMax bound the life of an invite. Chosen:
	// the time to carry it to a node, and a day.
	InviteTTLDefault Millis = 10 * 60_000
	InviteTTLMax     Millis = 24 * 3_600_000
	// ReplaceTTLMax bounds the life of an invite that gives away a wallet.
	// Chosen: the owner stands before the operator.
	ReplaceTTLMax Millis = 3_600_000
	// SuccessionMax bounds the statements by which a device learns of a new
	// wallet, one for each that was replaced since it saw its own. Chosen: more
	// phones than a person loses before the tag is at hand.
	SuccessionMax = 16

	// PairingTTL is the life of a pairing PIN, PairingTries the wrong guesses
	// that end it early. Chosen: with 60 bits, 5 guesses find it once in
	// 2*10^17 times.
	PairingTTL   Millis = 10 * 60_000
	PairingTries        = 5
	// LinkFrameBytesMax bounds a frame between a wallet and a device. Chosen:
	// ten times a bind, the longest fact that travels there.
	LinkFrameBytesMax = 4 << 10
	// LinkBytesMax bounds the address of a device's link, HOST:PORT. Chosen: host
	// names and ports in use are far shorter.
	LinkBytesMax = 4 * NameBytesMax
	// LinkConnsMax bounds the wallets that a device talks to at once. Chosen:
	// one is honest; a few strangers must not keep it out.
	LinkConnsMax = 8
	// LinkFirstFrame is how long a peer on the link has to prove its key and
	// send its first frame, LinkTimeout how long the whole conversation may
	// last. Chosen: many round trips of a local network.
	LinkFirstFrame Millis = 3_000
	LinkTimeout    Millis = 10_000
	// LinkRoundMax is how long a device's bind may be on its way: its counter
	// is taken for the moment at which it arrives. Chosen: it must not use up
	// DriftBase.
	LinkRoundMax Millis = 2_000

	// CandidatesMax bounds the devices a box tracks at once; beyond it the
	// weakest one that is not near is forgotten. Chosen: more than stand
	// within the range of one radio.
	CandidatesMax = 4_096
	// SightingsMax bounds the static beacons that a box lists; beyond it the
	// one not heard for longest is forgotten. SightingMemory is how long one
	// is listed that is not heard any more. Chosen: what a person can read.
	SightingsMax          = 512
	SightingMemory Millis = 60_000
	// LastDecisionGrace is how long after its time is up a payment may still
	// lack its last decision before its outcome counts as unknown: the
	// decision is on its way. Chosen: longer than a commit and a round trip
	// take.
	LastDecisionGrace Millis = 3_000
	// ListMax bounds the payments or devices that one answer lists. Chosen:
	// what a person or a page can take in.
	ListMax = 1_000
	// HandleMemory is how long after its last showing --to still takes a
	// handle. Published: the command's contract.
	HandleMemory Millis = 120_000
)
