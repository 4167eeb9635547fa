package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// Verb is one thing that a node can be asked: its name, and the types of the
// request and of the answer.
type Verb[Request, Answered any] struct {
	Name string
	// Reads reports whether the verb changes nothing. Such a verb needs no daemon:
	// it is answered from the store itself where none runs.
	Reads bool
}

// The verbs of all nodes that run.
var (
	VerbReady  = Verb[Nothing, Ready]{"ready", true}
	VerbHealth = Verb[Nothing, Health]{"health", false}
	VerbCounts = Verb[Nothing, Counts]{"counts", false}
)

// VerbEvents asks a node for what happened to it.
var VerbEvents = Verb[EventsRequest, Events]{"events", true}

// The verbs of box and wallet, each about the payments that it knows.
var (
	VerbShow    = Verb[PaymentRef, Payment]{"show", true}
	VerbWait    = Verb[WaitRequest, Payment]{"wait", true}
	VerbReceipt = Verb[PaymentRef, ReceiptFile]{"receipt", true}
)

// The verbs of a box.
var (
	VerbTill     = Verb[Nothing, BoxStatus]{"till", true}
	VerbNearby   = Verb[Nothing, Nearby]{"nearby", false}
	VerbWaitNear = Verb[WaitRequest, Nearby]{"wait-near", false}
	VerbCharge   = Verb[ChargeRequest, Payment]{"charge", false}
	VerbList     = Verb[ListRequest, List[Payment]]{"list", true}
	VerbReport   = Verb[ReportRequest, Report]{"report", true}
	VerbCancel   = Verb[WaitRequest, Payment]{"cancel", false}
	VerbCapture  = Verb[ActionRequest, Payment]{"capture", false}
	VerbVoid     = Verb[ActionRequest, Payment]{"void", false}
	VerbRefund   = Verb[ActionRequest, Payment]{"refund", false}

	VerbPrice     = Verb[ActionRequest, Payment]{"price", false}
	VerbIncrement = Verb[ActionRequest, Payment]{"increment", false}
)

// The verbs of a wallet.
var (
	VerbStatus       = Verb[Nothing, WalletStatus]{"status", true}
	VerbPending      = Verb[ListRequest, List[Payment]]{"pending", true}
	VerbAnswer       = Verb[AnswerRequest, Payment]{"answer", false}
	VerbReceipts     = Verb[ListRequest, List[Payment]]{"receipts", true}
	VerbDevices      = Verb[ListRequest, List[Device]]{"devices", true}
	VerbPair         = Verb[PairRequest, Device]{"pair", false}
	VerbRevokeDevice = Verb[DeviceRef, Device]{"revoke", false}
	VerbMove         = Verb[MoveRequest, Device]{"move", false}
	VerbLearnLevel   = Verb[LearnLevelRequest, Device]{"learn-level", false}
	VerbWords        = Verb[Nothing, List[Words]]{"words", false}
	VerbRules        = Verb[Nothing, Rules]{"rules", true}
	VerbListRules    = Verb[Nothing, List[Rule]]{"list-rules", true}
	VerbAddRule      = Verb[RuleRequest, Rule]{"add-rule", false}
	VerbRemoveRule   = Verb[RuleRef, Rule]{"remove-rule", false}
	VerbPauseRules   = Verb[PauseRequest, Rules]{"pause-rules", false}
	VerbMandates     = Verb[Nothing, List[Mandate]]{"mandates", true}
	VerbPreset       = Verb[PresetRequest, Preset]{"preset", false}
	VerbAddMandate   = Verb[MandateRequest, Mandate]{"add-mandate", false}
	VerbEndMandate   = Verb[MandateRef, Mandate]{"end-mandate", false}
	VerbLimit        = Verb[LimitRequest, Rules]{"limit", false}
	VerbMeans        = Verb[Nothing, List[Means]]{"means", true}
	VerbAddMeans     = Verb[AddMeansRequest, Means]{"add-means", false}
	VerbEndMeans     = Verb[MeansRef, Means]{"end-means", false}
)

// The verbs of a registry.
var (
	VerbInvite     = Verb[InviteRequest, Invite]{"invite", false}
	VerbTopUp      = Verb[TopUpRequest, TopUp]{"topup", false}
	VerbPayOut     = Verb[PayOutRequest, PaidOut]{"payout", false}
	VerbSettle     = Verb[SettleRequest, Settled]{"settle", false}
	VerbMoveMoney  = Verb[MoveBalanceRequest, Moved]{"move-balance", false}
	VerbAddBill    = Verb[BillRequest, Bill]{"add-bill", false}
	VerbBook       = Verb[Nothing, List[Account]]{"book", true}
	VerbAudit      = Verb[AuditRequest, Audit]{"audit", true}
	VerbNodes      = Verb[Nothing, List[Node]]{"nodes", true}
	VerbRevokeNode = Verb[NodeRef, Node]{"revoke", false}
	VerbVouch      = Verb[VouchRequest, Vouched]{"vouch", false}
	VerbRetry      = Verb[RetryRequest, List[Aside]]{"retry", false}

	VerbClock       = Verb[Nothing, Clock]{"clock", true}
	VerbAcceptClock = Verb[Nothing, Clock]{"accept-clock", false}
)

// Endpoint is a verb and what answers it, at one node.
type Endpoint struct {
	name   string
	answer func(ctx context.Context, q rawRequest, tell Tell) (any, error)
}

// rawRequest is a verb's request as it came in.
type rawRequest struct {
	body []byte
	key  pay.IdempotencyKey // the Idempotency-Key header
	wait string             // waitParam of the query, "" for none
}

// waitParam is how long an answer may wait, in a query: a duration such as 10s.
// Published: the contract with people and scripts, "HTTP".
const waitParam = "wait"

// On has f answer a verb.
func On[Request, Answered any](v Verb[Request, Answered], f func(ctx context.Context, q Request) (Answered, error)) Endpoint {
	return OnTelling(v, func(ctx context.Context, q Request, _ Tell) (Answered, error) { return f(ctx, q) })
}

// decode reads the request, whose fields have these names, with the key of the header
// and the wait of the query where it may bear them.
func (r rawRequest) decode(q any, fields []string) error {
	if len(r.body) > 0 {
		if err := decodeObject(r.body, q, fields); err != nil {
			return err
		}
	}
	if err := checkRequest(q); err != nil {
		return err
	}
	if w, ok := q.(waiting); ok && r.wait != "" {
		d, err := time.ParseDuration(r.wait)
		if err != nil || d < 0 {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("read request: %q is no time to wait", text.Printable(r.wait)), "write it like ?wait=10s")
		}
		*w.waitField() = pay.MillisOf(d)
	}
	k, ok := q.(keyed)
	if !ok || r.key == "" {
		return nil
	}
	if text.IsBlank(string(r.key)) {
		return errBlankKey()
	}
	have := k.keyField()
	if *have != "" && *have != r.key {
		return pay.NewError(pay.CodeUsage, "read request: its key and the Idempotency-Key header differ", "give one of them")
	}
	*have = r.key
	return nil
}

// keyed is a request that may bear an idempotency key.
type keyed interface{ keyField() *pay.IdempotencyKey }

// waiting is a request whose answer may wait.
type waiting interface{ waitField() *pay.Millis }

// Verbs are all that one node can be asked, by name.
type Verbs map[string]Endpoint

// NewVerbs returns the verbs of a node. No two may have the same name.
func NewVerbs(list ...Endpoint) Verbs {
	vs := make(Verbs, len(list))
	for _, e := range list {
		if _, twice := vs[e.name]; twice {
			panic("api: internal error: a node answers " + e.name + " twice")
		}
		vs[e.name] = e
	}
	return vs
}

// IsUnknownVerb reports whether an error is a node's refusal of a verb that it does
// not have.
func IsUnknownVerb(err error, name string) bool {
	return err != nil && pay.CodeOf(err) == pay.CodeNotAllowed && strings.HasPrefix(err.Error(), errUnknownVerb(name).Error())
}

// errUnknownVerb is the refusal of a verb that a node does not have.
func errUnknownVerb(name string) error {
	return pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("this command is for a node of another role, which answers %q", text.Printable(name)), "check --data: it names a node that does not")
}

// Has reports whether the node answers a verb of that name.
func (vs Verbs) Has(name string) bool {
	_, ok := vs[name]
	return ok
}

// Answer has the node of vs answer a verb in this process. It returns a
// *pay.Error with CodeNotAllowed where the node has no such verb, and else the
// error of the verb.
func Answer[Request, Answered any](ctx context.Context, vs Verbs, v Verb[Request, Answered], q Request) (r Reply[Answered], err error) {
	return AnswerTelling(ctx, vs, v, q, nil)
}

// AnswerTelling is Answer, with notes passed to tell unless it is nil.
func AnswerTelling[Request, Answered any](ctx context.Context, vs Verbs, v Verb[Request, Answered], q Request, tell func(note json.RawMessage)) (r Reply[Answered], err error) {
	e, ok := vs[v.Name]
	if !ok {
		return r, errUnknownVerb(v.Name)
	}
	body, err := json.Marshal(q)
	if err != nil {
		return r, fmt.Errorf("encode request: %w", err)
	}
	answer, err := e.answer(ctx, rawRequest{body: body}, telling(tell))
	if err != nil {
		return r, err
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return r, fmt.Errorf("encode answer: %w", err)
	}
	return readReply[Answered](raw)
}

// Reply is a node's answer to a verb.
type Reply[Answered any] struct {
	Value Answered
	raw   json.RawMessage
}

// MarshalJSON returns the answer as it came, with fields that this program does
// not know.
func (r Reply[Answered]) MarshalJSON() ([]byte, error) { return r.raw, nil }

func readReply[Answered any](raw json.RawMessage) (r Reply[Answered], err error) {
	r.raw = raw
	if err := json.Unmarshal(raw, &r.Value); err != nil {
		return r, fmt.Errorf("read answer: %w", err)
	}
	return r, nil
}
