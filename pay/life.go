package pay

// State is where a payment stands. The words are the same in every view.
type State string

// The states that an immediate payment can be in. StateRequested is the only
// one that no decision states.
const (
	StateRequested State = "requested"
	StateOffered   State = "offered"
	StateCaptured  State = "captured"
	StateUnmatched State = "unmatched"
	StateAmbiguous State = "ambiguous"
	StateDeclined  State = "declined"
	StateExpired   State = "expired"
	StateCancelled State = "cancelled"
	StateFailed    State = "failed"
)
