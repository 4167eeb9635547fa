package api

// WarningCode is the stable name of something that a person should look at before
// going on. A warning stops nothing.
type WarningCode string

// The warnings.
const (
	// WarnLookAlike: a name may be taken for another one.
	WarnLookAlike WarningCode = "W_LOOKALIKE"
	// WarnTwoSites: a merchant has several sites.
	WarnTwoSites WarningCode = "W_TWO_SITES"
	// WarnNotRevoked: a wallet that is taken to be lost still works.
	WarnNotRevoked WarningCode = "W_NOT_REVOKED"
)

// Warning is one thing to look at, and what to do about it.
type Warning struct {
	V       int         `json:"v"`
	Type    string      `json:"type"`
	Code    WarningCode `json:"code"`
	Message string      `json:"message"`
	Hint    string      `json:"hint"`
}

// NewWarning returns a warning.
func NewWarning(code WarningCode, message, hint string) Warning {
	return Warning{V: 1, Type: "warning", Code: code, Message: message, Hint: hint}
}
