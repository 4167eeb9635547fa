package pay

import (
	"errors"
	"fmt"
)

// ErrorCode is the stable name of an error, such as E_AMOUNT. Scripts may
// branch on it; the text beside it may change.
type ErrorCode string

// ErrCannotSign means that the registry can sign nothing now, whatever it is
// about: its working key has no authority at this time.
var ErrCannotSign = errors.New("the registry cannot sign")

// Exit is the exit status that goes with an error.
type Exit int

// The exit statuses. An unknown one means failure.
const (
	ExitDone        Exit = 0
	ExitFailed      Exit = 1
	ExitPartly      Exit = 3
	ExitNotAllowed  Exit = 4
	ExitNotFound    Exit = 5
	ExitNotPaid     Exit = 6
	ExitUnknown     Exit = 7
	ExitConflict    Exit = 8
	ExitUnreachable Exit = 10
	ExitRadio       Exit = 11
	ExitInUse       Exit = 12
	ExitUsage       Exit = 64
	ExitConfig      Exit = 78
	ExitWaitPassed  Exit = 124
)

// The error codes. InfoOf gives the statuses that go with each.
const (
	CodeFailed       ErrorCode = "E_FAILED"
	CodeUsage        ErrorCode = "E_USAGE"
	CodeAmount       ErrorCode = "E_AMOUNT"
	CodeCurrency     ErrorCode = "E_CURRENCY"
	CodeNotAvailable ErrorCode = "E_NOT_AVAILABLE"
	CodeConfig       ErrorCode = "E_CONFIG"
	CodeNewerData    ErrorCode = "E_NEWER_DATA"
	CodeNoSpace      ErrorCode = "E_NO_SPACE"
	CodeInUse        ErrorCode = "E_IN_USE"
	CodeNotRunning   ErrorCode = "E_NOT_RUNNING"
	CodeRunning      ErrorCode = "E_RUNNING"
	CodeUnreachable  ErrorCode = "E_UNREACHABLE"
	CodeNotEnrolled  ErrorCode = "E_NOT_ENROLLED"
	CodeNotAllowed   ErrorCode = "E_NOT_ALLOWED"
	CodeNotTrusted   ErrorCode = "E_NOT_TRUSTED"
	CodeInvite       ErrorCode = "E_INVITE"
	CodePIN          ErrorCode = "E_PIN"
	CodeBound        ErrorCode = "E_BOUND"
	CodeNotFound     ErrorCode = "E_NOT_FOUND"
	CodeConflict     ErrorCode = "E_CONFLICT"
	CodeKeyUsed      ErrorCode = "E_KEY_USED"
	CodeDecided      ErrorCode = "E_ALREADY_DECIDED"
	CodeFunds        ErrorCode = "E_FUNDS"
	CodeNobodyNear   ErrorCode = "E_NOBODY_NEAR"
	CodeAmbiguous    ErrorCode = "E_AMBIGUOUS"
	CodeLeft         ErrorCode = "E_LEFT"
	CodeNotPaid      ErrorCode = "E_NOT_PAID"
	CodeUnknown      ErrorCode = "E_UNKNOWN"
	CodeWaitPassed   ErrorCode = "E_WAIT_PASSED"
	CodeRadio        ErrorCode = "E_RADIO"
	CodeDevice       ErrorCode = "E_DEVICE"
	CodeBadFact      ErrorCode = "E_BAD_FACT"
	CodeTooMany      ErrorCode = "E_TOO_MANY"
	CodeUpgrade      ErrorCode = "E_UPGRADE"
	CodeOldCopy      ErrorCode = "E_OLD_COPY"
	CodeClock        ErrorCode = "E_CLOCK"
	CodePartly       ErrorCode = "E_PARTLY"
	CodeNoMemory     ErrorCode = "E_NO_MEMORY"
	CodeCardNumber   ErrorCode = "E_CARD_NUMBER"
)

// CodeInfo is what goes with an error code: the exit status of a command that
// ends with it, and the status of an HTTP response that bears it (RFC 9110).
type CodeInfo struct {
	Exit Exit
	// HTTP is 200 where the code says how a payment stands: over HTTP that is an
	// answer and no error.
	HTTP int
}

// codes is the table of all codes.
var codes = map[ErrorCode]CodeInfo{
	CodeFailed:       {ExitFailed, 500},
	CodeUsage:        {ExitUsage, 400},
	CodeAmount:       {ExitUsage, 400},
	CodeCurrency:     {ExitUsage, 400},
	CodeNotAvailable: {ExitUsage, 400},
	CodeConfig:       {ExitConfig, 500},
	CodeNewerData:    {ExitConfig, 500},
	CodeNoSpace:      {ExitConfig, 507},
	CodeInUse:        {ExitInUse, 503},
	CodeNotRunning:   {ExitUnreachable, 503},
	CodeRunning:      {ExitConflict, 409},
	CodeUnreachable:  {ExitUnreachable, 503},
	CodeNotEnrolled:  {ExitNotAllowed, 403},
	CodeNotAllowed:   {ExitNotAllowed, 403},
	CodeNotTrusted:   {ExitNotAllowed, 403},
	CodeInvite:       {ExitNotAllowed, 403},
	CodePIN:          {ExitNotAllowed, 403},
	CodeBound:        {ExitConflict, 409},
	CodeNotFound:     {ExitNotFound, 404},
	CodeConflict:     {ExitConflict, 409},
	CodeKeyUsed:      {ExitConflict, 422},
	CodeDecided:      {ExitConflict, 409},
	CodeFunds:        {ExitConflict, 409},
	CodeNobodyNear:   {ExitNotPaid, 409},
	CodeAmbiguous:    {ExitNotPaid, 409},
	CodeLeft:         {ExitNotPaid, 409},
	CodeNotPaid:      {ExitNotPaid, 200},
	CodeUnknown:      {ExitUnknown, 200},
	CodeWaitPassed:   {ExitWaitPassed, 200},
	CodeRadio:        {ExitRadio, 503},
	CodeDevice:       {ExitUnreachable, 503},
	CodeBadFact:      {ExitFailed, 400},
	CodeTooMany:      {ExitFailed, 429},
	CodeUpgrade:      {ExitFailed, 426},
	CodeOldCopy:      {ExitNotAllowed, 403},
	CodeClock:        {ExitFailed, 503},
	CodePartly:       {ExitPartly, 500},
	CodeNoMemory:     {ExitConfig, 503},
	CodeCardNumber:   {ExitUsage, 400},
}

// InfoOf returns what goes with a code; for one that this program does not know,
// what goes with CodeFailed.
func InfoOf(c ErrorCode) CodeInfo {
	if info, ok := codes[c]; ok {
		return info
	}
	return codes[CodeFailed]
}

// ExitOf returns the exit status that belongs to a code.
func ExitOf(c ErrorCode) Exit { return InfoOf(c).Exit }

// Error is an error that a person reads: what failed and why. Callers inside the
// program branch on Code. What to do next depends on where the person stands, at
// a terminal or before a page: for errors of this package and of the roles each
// face looks it up by Case; other packages bring a Hint along.
type Error struct {
	Code    ErrorCode
	Case    Case   // the situation within Code; "" beside a Hint
	Args    []any  // what the face's words on Case need to name
	Message string // what failed, and why
	Hint    string // what to do next; "" beside a Case
	Err     error  // the cause, or nil; its text follows Message
}

// Case is the stable name of a situation in which an error is made, such as
// "radio_silent" among the reasons for CodeNobodyNear.
type Case string

// NewCase returns an Error without a cause. args are what the words of a face on
// the case name.
func NewCase(code ErrorCode, c Case, message string, args ...any) *Error {
	return &Error{Code: code, Case: c, Args: args, Message: message}
}

// WrapCase returns an Error caused by err. args are what the words of a face on
// the case name.
func WrapCase(err error, code ErrorCode, c Case, message string, args ...any) *Error {
	return &Error{Code: code, Case: c, Args: args, Message: message, Err: err}
}

// NewError returns an Error without a cause that brings its hint along.
func NewError(code ErrorCode, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint}
}

// Wrap returns an Error caused by err that brings its hint along.
func Wrap(err error, code ErrorCode, message, hint string) *Error {
	return &Error{Code: code, Message: message, Hint: hint, Err: err}
}

// Error returns message and cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return fmt.Sprintf("%s: %v", e.Message, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the outermost Error in err, CodeFailed for any
// other error and "" for nil.
func CodeOf(err error) ErrorCode {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeFailed
}
