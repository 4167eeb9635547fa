package pay

// Every limit of the product stands here, so that each can be found and each
// is the same on every node. Lengths are in bytes unless the name says
// otherwise.
const (
	// AmountMax is the largest single amount: ten thousand million minor units.
	AmountMax Amount = 10_000_000_000
	// BalanceMax is the largest sum an account may hold.
	BalanceMax Amount = 1_000_000_000_000_000

	// FactBytesMax bounds one signed fact, envelope included.
	FactBytesMax = 8 << 10
	// NameBytesMax bounds the name of a merchant, a site, a wallet, a vehicle
	// or a payment means.
	NameBytesMax = 64
	// RefBytesMax bounds the order or bill number that travels with a charge.
	RefBytesMax = 140
	// KeyBytesMax bounds an idempotency key.
	KeyBytesMax = 128
	// RuleBytesMax bounds the name of the rule that answered an offer.
	RuleBytesMax = 64

	handleBytesMax = 32
	scopeBytesMax  = 48
	stepUpBytesMax = 24
	stateBytesMax  = 24
	reasonBytesMax = 32

	// RequestTTLMin and RequestTTLMax bound how long a request stays open.
	RequestTTLMin Millis = 1_000
	RequestTTLMax Millis = 15 * 60_000
	// RequestTTLDefault is how long a charge stays open unless it says so.
	RequestTTLDefault Millis = 60_000

	// StepSlack is how long after its end a code is still accepted, before
	// drift: the advert, the box's filter and the cashier take that long.
	StepSlack Millis = 8_000
	// SwitchJitterMax bounds how late into a step a device switches to its code,
	// so that the moment tells nothing. It is spent out of StepSlack.
	SwitchJitterMax Millis = 2_000
	// DriftBase and DriftPerMillion make g, the drift allowed either side of a
	// step: five seconds plus 150 ppm of the time since the device was last
	// resolved, at most one step.
	DriftBase       Millis = 5_000
	DriftPerMillion Millis = 150
	// OutOfStepReach is how far around now the registry looks for the step of a
	// code that is outside its window, only to be able to say so.
	OutOfStepReach Millis = 20 * 60_000
	// OutOfStepCodesMax bounds the work spent on that: above it the answer is
	// plainly unknown_code.
	OutOfStepCodesMax = 4 << 20

	// ExponentMax is the largest K of Eddystone-EID.
	ExponentMax Exponent = 15

	// RefusalsPerHour bounds the signed refusals that one node's rejected
	// commands leave behind in an hour; beyond it one summary stands for all.
	RefusalsPerHour = 100
	// PromptsPerHour bounds the unanswered or declined prompts that one box may
	// cause at one wallet in an hour.
	PromptsPerHour = 20
	// TwoChannelLife is how long an offer that demands two channels stands, and
	// with it the challenge and every authentication code made for it.
	TwoChannelLife Millis = 120_000
	// SilenceMax is how long a device may go unheard of before its next payment
	// needs two channels.
	SilenceMax Millis = 30 * 24 * 3_600_000
	// DeviceProbation is how long the word of a further device of a wallet does
	// not count, so that a stolen phone cannot make itself a device.
	DeviceProbation Millis = 24 * 3_600_000
	// AuthCodesPerMinute bounds the authentication codes that a device gives.
	AuthCodesPerMinute = 10
	// DevicesPerWalletMax bounds the devices bound to one wallet at one time.
	DevicesPerWalletMax = 32

	// FrameBytesMax bounds one frame between nodes.
	FrameBytesMax = 256 << 10
	// FirstFrameBytesMax bounds a frame before both sides know that they will
	// talk: it holds one fact and a little more.
	FirstFrameBytesMax = FactBytesMax + 2<<10
	// BatchBytesMax is how large senders make one frame of facts. One item or
	// entry always fits, whatever its size.
	BatchBytesMax = 48 << 10
	// BatchFactsMax bounds the entries or items in one frame.
	BatchFactsMax = 256
	// PushWindowBytes and PushWindowItems bound the outbox items in flight, that
	// is pushed and not yet acknowledged.
	PushWindowBytes = 96 << 10
	PushWindowItems = 512
	// FeedWindowBytes and FeedWindowEntries bound the feed entries in flight,
	// that is sent and not yet reported as seen.
	FeedWindowBytes   = 128 << 10
	FeedWindowEntries = 1_024
	// ReceiveWindowBytes is what a peer can make a node hold unread on one
	// connection. It is above both windows, so that a healthy peer never blocks.
	ReceiveWindowBytes = 256 << 10
	// TextBytesMax bounds a message or hint that one node sends to another.
	TextBytesMax = 400
	// OutboxItemsMax bounds what a node queues while it cannot reach the
	// registry.
	OutboxItemsMax = 100_000
	// EffectBytesMax bounds the body of an effect.
	EffectBytesMax = 4 << 10
	// ItemFactsMax bounds the facts that travel as one outbox item.
	ItemFactsMax = 4

	// InviteTTLDefault and InviteTTLMax bound the life of an invite.
	InviteTTLDefault Millis = 10 * 60_000
	InviteTTLMax     Millis = 24 * 3_600_000

	// PairingTTL is the life of a pairing PIN, PairingTries the wrong guesses
	// that end it early.
	PairingTTL   Millis = 10 * 60_000
	PairingTries        = 5
	// LinkFrameBytesMax bounds a frame between a wallet and a device.
	LinkFrameBytesMax = 4 << 10
	// LinkConnsMax bounds the wallets that a device talks to at once.
	LinkConnsMax = 8
	// LinkFirstWord is how long a peer on the link has to prove its key and say
	// what it wants, LinkTimeout how long the whole conversation may last.
	LinkFirstWord Millis = 3_000
	LinkTimeout   Millis = 10_000
	// LinkRoundMax is how long a device's bind may be on its way: its counter is
	// taken for the moment at which it arrives, and DriftBase must not be spent
	// on that.
	LinkRoundMax Millis = 2_000

	// CandidatesMax bounds the devices a box tracks at once; beyond it the
	// weakest one that is not near is forgotten.
	CandidatesMax = 4_096
	// SightingsMax bounds the static beacons that a box lists; beyond it the one
	// unheard for longest is forgotten. SightingMemory is how long one is listed
	// that is heard no more.
	SightingsMax          = 512
	SightingMemory Millis = 60_000
	// FinalWordGrace is how long after its time is up a payment may still lack
	// its last word before its outcome counts as unknown: the word is on its way.
	FinalWordGrace Millis = 3_000
	// ListMax bounds the payments or devices that one answer lists.
	ListMax = 1_000
	// HandleMemory is how long after its last showing --to still takes a handle.
	HandleMemory Millis = 120_000
)
