package api

import (
	"github.com/paybeacon/paybeacon/pay"
)

// Here stand the objects that people's scripts read. Each bears "v", its version,
// and "type". Moments are RFC 3339 in UTC, amounts are minor units of the currency
// beside them. Names and meanings of fields are fixed; new fields may be added.

// Payment is one payment, as the node that was asked sees it. Key is there at the
// till that asked for it, or was asked by the key, Answering, Asks and Problem at the wallet.
type Payment struct {
	V              int                `json:"v"`
	Type           string             `json:"type"`
	ID             string             `json:"id"`
	Key            pay.IdempotencyKey `json:"key,omitempty"`
	State          pay.State          `json:"state"`
	Outcome        pay.Outcome        `json:"outcome"`
	SafeToRetry    bool               `json:"safe_to_retry"`
	Queued         bool               `json:"queued"`
	Answering      bool               `json:"answering,omitempty"`
	Amount         pay.Amount         `json:"amount"`
	AmountHeld     pay.Amount         `json:"amount_held"`
	AmountCaptured pay.Amount         `json:"amount_captured"`
	AmountRefunded pay.Amount         `json:"amount_refunded"`
	// TipMax is the most that the charge lets be tip, TipAgreed what the payer signed: of an
	// amount that is held a bound, and AmountHeld holds it too. Tip is what of AmountCaptured
	// is tip.
	TipMax    pay.Amount   `json:"tip_max,omitempty"`
	TipAgreed pay.Amount   `json:"tip_agreed,omitempty"`
	Tip       pay.Amount   `json:"tip,omitempty"`
	Currency  pay.Currency `json:"currency"`
	Merchant  pay.Name     `json:"merchant"`
	Site      pay.Name     `json:"site"`
	Payer     pay.Handle   `json:"payer"`
	Ref       string       `json:"ref"`
	Mode      string       `json:"mode"`
	Method    pay.Method   `json:"method"`
	Demand    pay.StepUp   `json:"demand,omitempty"`  // who demands two channels, and why
	Evidence  pay.Evidence `json:"evidence"`          // how the payer was found; empty from a box of old
	Certain   bool         `json:"certain,omitempty"` // with "clear": enough for a rule to answer
	By        pay.Rule     `json:"by"`
	Reason    pay.Reason   `json:"reason"`
	Created   string       `json:"created"`
	Expires   string       `json:"expires,omitempty"`
	// Capture is how an approval is turned into money: "auto", at once, or "manual", by
	// captures until HoldUntil.
	Capture   string `json:"capture"`
	HoldUntil string `json:"hold_until,omitempty"`
	Seq       uint32 `json:"seq"`
	// Test reports whether it is play money; null until the registry has said so.
	Test *bool `json:"test"`
	// Fuel is what is paid for, where that is fuel.
	Fuel *Fuel `json:"fuel,omitempty"`
	// Acquirer is who moves the money; empty for the payer's closed-loop account.
	Acquirer pay.Acquirer `json:"acquirer,omitempty"`
	// Refusal says why the registry refused a claim on this payment, such as
	// late_answer; it changed nothing.
	Refusal pay.Reason `json:"refusal,omitempty"`
	// ConflictsWith is the id of the payment that the key stands for, where a
	// request met its key used for something else and has ended for that.
	ConflictsWith string `json:"conflicts_with,omitempty"`
	// Asks is why no rule answers this offer, whatever the wallet's rule is; empty
	// where one may, and once the offer has ended.
	Asks pay.Asks `json:"asks,omitempty"`
	// Warnings are what the payer should look at before an answer.
	Warnings []Warning `json:"warnings,omitempty"`
	// Problem says in words why the wallet cannot approve it.
	Problem string `json:"problem,omitempty"`
	// Increment is what more the payer is being asked for on a hold, until the answer is
	// decided.
	Increment *Increment `json:"increment,omitempty"`
	// Action is what became of the capture, void, refund or increment that was asked for.
	Action *Action `json:"action,omitempty"`
}

// Increment is an offer of more on a hold: Amount is by how much, Total what would then
// be held.
type Increment struct {
	ID      string     `json:"id"`
	Amount  pay.Amount `json:"amount"`
	Total   pay.Amount `json:"total"`
	Expires string     `json:"expires"`
}

// Action is what a merchant asked for on a payment that is authorised, under a key of
// the payment's own. Amount is 0 where that is all there is.
type Action struct {
	Kind   pay.Kind           `json:"kind"` // "capture", "void", "refund" or "increment"
	Key    pay.IdempotencyKey `json:"key"`
	Amount pay.Amount         `json:"amount"`
	Final  bool               `json:"final,omitempty"`
	// State is "pending" until it is decided, then "done", "refused", by the registry, or
	// "ended", where the payer of an increment did not approve it; Reason is why.
	State  ActionState `json:"state"`
	Reason pay.Reason  `json:"reason"`
}

// ActionState is what became of an action.
type ActionState string

// The states of an action.
const (
	ActionPending ActionState = "pending"
	ActionDone    ActionState = "done"
	ActionRefused ActionState = "refused"
	ActionEnded   ActionState = "ended"
)

// The ways to capture.
const (
	CaptureAuto   = "auto"
	CaptureManual = "manual"
)

// Candidate is somebody who is heard near a till and may be charged. RSSI is the
// strength by which the till decides, normalised to -59 dBm at 1 m.
type Candidate struct {
	Handle pay.Handle `json:"handle"`
	RSSI   pay.RSSI   `json:"rssi"`
	Since  string     `json:"since"`
	Lane   pay.Lane   `json:"lane"`
	Near   bool       `json:"near"`
	// Tapped reports whether the device was held to the box just now.
	Tapped bool `json:"tapped"`
}

// Nearby is who is heard near a till. Clear is the one who is clearly nearest, or
// null; Radio is "ok" or "deaf".
type Nearby struct {
	V          int         `json:"v"`
	Type       string      `json:"type"`
	Candidates []Candidate `json:"candidates"`
	Clear      *pay.Handle `json:"clear"`
	// Evidence is how the clear one was found: "tap" or "clear"; empty without one.
	// Certain reports whether that is enough for a payer's rule to answer without
	// asking a person.
	Evidence pay.Evidence `json:"evidence,omitempty"`
	Certain  bool         `json:"certain"`
	Radio    string       `json:"radio"`
	// RadioWhy says in one sentence what is wrong with the radio; empty when
	// all is well.
	RadioWhy         string  `json:"radio_why"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`
	// AdvertsLost are those that came faster than this machine could take.
	AdvertsLost uint64 `json:"adverts_lost"`
	Standing
}

// Invite is the URL that lets one node enrol, once, until Expires.
type Invite struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Invite   string       `json:"invite"`
	Role     pay.Role     `json:"role"`
	Name     pay.Name     `json:"name"`
	Merchant pay.Name     `json:"merchant,omitempty"`
	Site     pay.Name     `json:"site,omitempty"`
	Class    pay.BoxClass `json:"class,omitempty"` // what a box is for; "" for any shop
	Expires  string       `json:"expires"`
	// Replaces is the node id of the wallet whose place is taken.
	Replaces string `json:"replaces,omitempty"`
	// Boxes is how many boxes the merchant has already.
	Boxes int `json:"boxes,omitempty"`
	// Warnings are what to look at before the invite is used.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Bill is an amount that a merchant may charge by its number.
type Bill struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Number   string       `json:"number"`
	Merchant pay.Scope    `json:"merchant"`
	Name     pay.Name     `json:"name"`
	Amount   pay.Amount   `json:"amount"`
	Currency pay.Currency `json:"currency"`
	At       string       `json:"at"`
}

// Device is a device that pays from a wallet.
type Device struct {
	V       int             `json:"v"`
	Type    string          `json:"type"`
	ID      string          `json:"id"`
	Kind    pay.DeviceType  `json:"kind"`
	State   pay.DeviceState `json:"state"`
	Vehicle pay.Name        `json:"vehicle"`
	Means   pay.Name        `json:"means"`
	Link    string          `json:"link,omitempty"`
	Reason  pay.Reason      `json:"reason,omitempty"`
	// Car is the vehicle whose fuel it pays for; Vehicle is then its plate.
	Car *Car `json:"car,omitempty"`
	// TrustedFrom is from when on its authentication codes count, if not at once.
	TrustedFrom string `json:"trusted_from,omitempty"`
	// Vouched is when the registry's operator vouched for it.
	Vouched string `json:"vouched,omitempty"`
	// Reachable reports whether the device answered at Link, where that was tried.
	Reachable *bool `json:"reachable,omitempty"`
	// ClockOff is by how much its clock was ahead of where it should be when it was
	// last heard on the link; it is then being set right. ClockMessage says so.
	ClockOff     pay.Millis `json:"clock_off_ms,omitempty"`
	ClockMessage string     `json:"clock_message,omitempty"`
	// Level is what its wallet has learned of its level.
	Level Level `json:"level"`
}

// Car is a vehicle that takes one product. Tank is in thousandths of a litre or kWh; 0: not
// known.
type Car struct {
	Plate   string       `json:"plate"`
	Product pay.Product  `json:"product"`
	Tank    pay.Quantity `json:"tank,omitempty"`
}

// Level is what a wallet has learned of how strong a device is: nothing, unless its
// owner has turned Learn on. With Learned it is enough; Correction is by how many dB more than its factory value the device states,
// as it confirmed last. Fixed means that it was started with a power of its own, which
// no wallet corrects.
type Level struct {
	Learn      bool      `json:"learn"`
	Payments   int       `json:"payments"`
	Places     int       `json:"places"`
	Learned    bool      `json:"learned"`
	Correction pay.Level `json:"correction"`
	Fixed      bool      `json:"fixed"`
}

// Rules says what a wallet answers by itself, and above which amount, in
// minor units, its payments need the device: null for none.
type Rules struct {
	V               int          `json:"v"`
	Type            string       `json:"type"`
	Approve         string       `json:"approve"`
	TwoChannelAbove *pay.Amount  `json:"two_channel_above"`
	Currency        pay.Currency `json:"currency"`
	Pending         bool         `json:"pending"`
	Refused         pay.Reason   `json:"refused,omitempty"`
	// Rules are those in the wallet's store. Paused means that nothing is approved
	// without a person, until PausedUntil where that is there. SpentToday is what was,
	// on this local day, in minor units.
	Rules       []Rule     `json:"rules"`
	Paused      bool       `json:"paused"`
	PausedUntil string     `json:"paused_until,omitempty"`
	SpentToday  pay.Amount `json:"spent_today"`
}

// Audit is what recomputing everything from the signed facts found. Imbalance is
// in minor units; Duplicates counts payments with two outcomes and keys with two
// payments. OK means that there is no finding. What is not finished is none, also
// where the registry has set it aside: Aside holds the first of AsideCount.
type Audit struct {
	V          int        `json:"v"`
	Type       string     `json:"type"`
	OK         bool       `json:"ok"`
	Payments   int        `json:"payments"`
	Imbalance  pay.Amount `json:"imbalance"`
	Duplicates int        `json:"duplicates"`
	Findings   []string   `json:"findings"`
	Aside      []Aside    `json:"aside,omitempty"`
	AsideCount int        `json:"aside_count,omitempty"`
	// Full means that everything was read again; Why says why, where the last good
	// audit could not be carried on from. Else Since is when that was made: of
	// payments, only those that were decided on after it were read again, PaymentsRead
	// of all Payments. Rows of the others that were changed behind the program's back
	// are found by a full audit alone.
	Full         bool   `json:"full"`
	Why          string `json:"why,omitempty"`
	Since        string `json:"since,omitempty"`
	PaymentsRead int    `json:"payments_read"`
	// ClockSteps are where what the registry signed goes back in time without an
	// operator's word. The books are no less right for it.
	ClockSteps []string `json:"clock_steps,omitempty"`
}

// Aside is something of which the registry could not do what was due, and which
// it has set aside: it refuses claims on it until that works. Kind is "payment",
// "device" or the letter of a kind that this program does not know; ID is what
// admin retry takes. State, Amount (asked for), AmountHeld (can still be captured;
// both in minor units), Currency and Merchant are those of a payment.
type Aside struct {
	V          int          `json:"v"`
	Type       string       `json:"type"`
	ID         string       `json:"id"`
	Kind       string       `json:"kind"`
	Cleared    bool         `json:"cleared"` // trying again has worked
	Due        string       `json:"due"`     // when that which failed came due
	Tries      int          `json:"tries"`   // how often it has failed
	Waiting    int          `json:"waiting"` // how much is due for it
	Error      string       `json:"error"`   // why it failed the last time
	State      pay.State    `json:"state,omitempty"`
	Amount     pay.Amount   `json:"amount,omitempty"`
	AmountHeld pay.Amount   `json:"amount_held,omitempty"`
	Currency   pay.Currency `json:"currency,omitempty"`
	Merchant   pay.Name     `json:"merchant,omitempty"`
}

// Ready is a node whose store, control socket and radio are up, and where it
// listens: HOST:PORT each. Standing is that of a box or a wallet.
type Ready struct {
	V      int      `json:"v"`
	Type   string   `json:"type"`
	Role   pay.Role `json:"role"`
	Node   string   `json:"node"`
	QUIC   string   `json:"quic,omitempty"`
	HTTP   string   `json:"http,omitempty"`
	Link   string   `json:"link,omitempty"`
	OCPP   string   `json:"ocpp,omitempty"` // for the charge points of a box
	Paired *bool    `json:"paired,omitempty"`
	Standing
}

// Pairing is how to pair with a device that belongs to no wallet: where its link
// is, and the PIN that it shows until Expires.
type Pairing struct {
	V       int    `json:"v"`
	Type    string `json:"type"`
	Link    string `json:"link"`
	PIN     string `json:"pin"`
	Expires string `json:"expires"`
	QR      string `json:"qr"` // what the QR code on a terminal holds
}

// Forgotten is a device that was made anew: Node is its id from now on, Former the
// one that it had, and Paired whether that one belonged to a wallet.
type Forgotten struct {
	V      int    `json:"v"`
	Type   string `json:"type"`
	Node   string `json:"node"`
	Former string `json:"former"`
	Paired bool   `json:"was_paired"`
}

// Vouched is a device for which the registry's operator vouches: Device is its id,
// Wallet the scope that it pays from.
type Vouched struct {
	V      int       `json:"v"`
	Type   string    `json:"type"`
	Wallet pay.Scope `json:"wallet"`
	Device string    `json:"device"`
	At     string    `json:"at"`
}

// Account is one account of the registry's book. Kind is "wallet", "merchant" or
// "house"; the sums are in minor units. Held is what of the balance open payments hold for
// others, Promised what others' open payments hold for it.
type Account struct {
	V         int          `json:"v"`
	Type      string       `json:"type"`
	Account   string       `json:"account"`
	Kind      string       `json:"kind"`
	Name      pay.Name     `json:"name"`
	Currency  pay.Currency `json:"currency"`
	Balance   pay.Amount   `json:"balance"`
	Held      pay.Amount   `json:"held"`
	Available pay.Amount   `json:"available"`
	Promised  pay.Amount   `json:"promised"`
}

// Node is a node that has enrolled with the registry.
type Node struct {
	V         int          `json:"v"`
	Type      string       `json:"type"`
	ID        string       `json:"id"`
	Role      pay.Role     `json:"role"`
	Scope     pay.Scope    `json:"scope"`
	Name      pay.Name     `json:"name"`
	Merchant  pay.Name     `json:"merchant,omitempty"`
	Site      pay.Name     `json:"site,omitempty"`
	Class     pay.BoxClass `json:"class,omitempty"` // what a box is for; "" for any shop
	Revoked   bool         `json:"revoked"`
	Connected bool         `json:"connected"`
	// Earshot are other places that hear the customers of a box's site and are no
	// declared neighbours of it.
	Earshot []Earshot `json:"earshot,omitempty"`
	// Replaced means that it was revoked for another wallet to take its place, and
	// Replaces is the node whose place this one took.
	Replaced bool   `json:"replaced,omitempty"`
	Replaces string `json:"replaces,omitempty"`
	// PutBack is there when the node holds more of the registry than it does itself.
	PutBack *PutBack `json:"put_back,omitempty"`
	// RivalSince is since when two processes with the node's key want to connect.
	RivalSince string `json:"rival_since,omitempty"`
}

// PutBack is what a node holds of a registry that the registry has lost, because its
// data directory was put back to an older copy: entries of the node's feed, or
// acknowledgements of the node's claims. Forked means other entries; Proven, that the
// node showed an entry that this registry has signed and does not hold.
type PutBack struct {
	Node        string   `json:"node"`
	Name        pay.Name `json:"name"`
	Since       string   `json:"since"`
	Entries     uint64   `json:"entries"`
	EntriesHere uint64   `json:"entries_here"`
	Claims      uint64   `json:"claims"`
	ClaimsHere  uint64   `json:"claims_here"`
	Forked      bool     `json:"forked,omitempty"`
	Proven      bool     `json:"proven"`
}

// Rivalry is a node of which two processes want to be connected.
type Rivalry struct {
	Node  string   `json:"node"`
	Name  pay.Name `json:"name"`
	Since string   `json:"since"`
}

// TopUp is play money that was put into a wallet's account, in minor units.
type TopUp struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Wallet   pay.Scope    `json:"wallet"`
	Amount   pay.Amount   `json:"amount"`
	Currency pay.Currency `json:"currency"`
	Key      string       `json:"key"`
}

// Receipt is a receipt file that was read. OK means that its signatures hold and,
// where a root was given, that it is signed under that root; Trusted means both.
type Receipt struct {
	V          int          `json:"v"`
	Type       string       `json:"type"`
	File       string       `json:"file"`
	OK         bool         `json:"ok"`
	Trusted    bool         `json:"trusted"`
	Root       string       `json:"root"`
	ID         string       `json:"id"`
	State      pay.State    `json:"state"`
	Reason     pay.Reason   `json:"reason"`
	Amount     pay.Amount   `json:"amount"` // that was asked for, or authorised since
	Held       pay.Amount   `json:"amount_held"`
	Captured   pay.Amount   `json:"amount_captured"`
	Refunded   pay.Amount   `json:"amount_refunded"`
	TipMax     pay.Amount   `json:"tip_max,omitempty"`
	TipAgreed  pay.Amount   `json:"tip_agreed,omitempty"`
	Tip        pay.Amount   `json:"tip,omitempty"` // of what was captured
	Currency   pay.Currency `json:"currency"`
	Merchant   pay.Name     `json:"merchant"`
	Site       pay.Name     `json:"site"`
	By         pay.Rule     `json:"by"`
	Method     pay.Method   `json:"method"`
	Demand     pay.StepUp   `json:"demand,omitempty"`
	Evidence   pay.Evidence `json:"evidence"`
	Certain    bool         `json:"certain,omitempty"`
	Ref        string       `json:"ref"`
	At         string       `json:"at"`
	Test       bool         `json:"test"`
	Fuel       *Fuel        `json:"fuel,omitempty"` // what was paid for, where that is fuel
	Problem    string       `json:"problem,omitempty"`
	AuthorityU string       `json:"authority_until,omitempty"`
}

// Enrolled is what a node became by enrolling. Root is the fingerprint of the
// registry's root key.
type Enrolled struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Role     pay.Role     `json:"role"`
	Node     string       `json:"node"`
	Scope    pay.Scope    `json:"scope"`
	Name     pay.Name     `json:"name"`
	Merchant pay.Name     `json:"merchant,omitempty"`
	Site     pay.Name     `json:"site,omitempty"`
	Server   string       `json:"server"`
	Root     string       `json:"root"`
	Currency pay.Currency `json:"currency"`
}

// CheckItem is one thing that had to hold at the end of a demo.
type CheckItem struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Said string `json:"said"`
}

// Check is the last line of a demo: all that had to hold.
type Check struct {
	V      int         `json:"v"`
	Type   string      `json:"type"`
	OK     bool        `json:"ok"`
	Checks []CheckItem `json:"checks"`
}

// Scene is one line of the story that a demo tells.
type Scene struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	Act  int    `json:"act"`
	Who  string `json:"who"`
	Said string `json:"said"`
	// Word is the machine's own for how an attempt ended: a state with its
	// reason, a reason, a demand or an error code.
	Word string `json:"word,omitempty"`
}
