package api

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// hints are what a person at a terminal can do next, by the case of an error. A
// hint with verbs is filled with the arguments of the error, or with the limits
// that stand beside it here. A face other than the terminal has words of its own.
var hints = map[pay.Case]hint{
	// At the till.
	"radio_silent":     {"check the box's radio with `paybeacon doctor`; nothing was recorded", nil},
	"nobody_near":      {"ask the payer to come closer, then charge again; nothing was recorded", nil},
	"nobody_clear":     {"let the payer hold the device to the box, or charge with --to WORDS: the payer's wallet shows the words (paybeacon wallet words); nothing was recorded", nil},
	"handle_ambiguous": {"write more of the words, the third one too where the list shows three", nil},
	"payer_left":       {"ask the payer to come back, or charge whoever is near; nothing was recorded", nil},
	"handle_not_shown": {"`paybeacon till nearby` shows who is near", nil},
	"handle_form":      {"a handle is two words joined by a hyphen, such as amber-otter; its beginning is enough where no other begins so", nil},
	"key_form":         {"give 1 to %d printable bytes", []any{pay.KeyBytesMax}},
	"amount_form":      {"ask for an amount above zero and within the limit", nil},
	"currency_form":    {"this registry deals in %v", nil},
	"other_currency":   {"charge in %v", nil},
	"ref_form":         {"give at most %d printable bytes", []any{pay.RefBytesMax}},
	"ttl_bounds":       {"give %v to %v", []any{pay.RequestTTLMin.Std(), pay.RequestTTLMax.Std()}},
	"hold_bounds":      {"hold it for %v to %v, and for no less than the payer may take to answer", []any{pay.HoldMin.Std(), pay.HoldMax.Std()}},
	"bill_unknown":     {"add it with `paybeacon admin bill add`; nothing was recorded", nil},
	"bill_used":        {"look at that payment with `paybeacon till show`; nothing was recorded", nil},
	"bill_number_used": {"give the new bill another number", nil},
	"bill_form":        {"give a number of 1 to %d printable bytes", []any{pay.RefBytesMax}},
	"action_key_used":  {"repeat the first command exactly, or choose a new key", nil},
	"is_held":          {"give it back with `paybeacon till void`", nil},
	"key_used":         {"repeat the first request exactly, or choose a new key for a new charge", nil},
	"key_unknown":      {"`paybeacon till list` shows the keys", nil},
	"already_ended":    {"nothing was changed", nil},

	// At the pump.
	"pump_form":      {"give a number of 1 to %v", nil},
	"pump_product":   {"send the vehicle to another pump; nothing was recorded", nil},
	"pump_busy":      {"`paybeacon till fuel pumps` shows who is there; nothing was recorded", nil},
	"pump_out":       {"send the vehicle to another pump; nothing was recorded", nil},
	"pump_to_pay":    {"select who got it with --post-pay, or end it with `paybeacon till fuel cancel`", nil},
	"pump_tells":     {"wait until the nozzle is hung up", nil},
	"price_none":     {"set it with `paybeacon till fuel prices --set %v=1.639`; nothing was recorded", nil},
	"above_preset":   {"leave --amount out, or ask the owner to set another preset; nothing was recorded", nil},
	"wrong_nozzle":   {"let it be hung up; nothing was recorded", nil},
	"wrong_total":    {"quantity and price make %v minor units; nothing was charged", nil},
	"fuel_above":     {"it may be at most %v thousandths, and %v minor units; nothing was charged", nil},
	"fuelling_state": {"`paybeacon till fuel show` says more; nothing was changed", nil},
	"plate_none":     {"`paybeacon till fuel entered` lists who is here; a vehicle that is not heard here cannot be charged", nil},
	"plate_several":  {"type more of the plate, or use --to WORDS", nil},
	"plate_short":    {"type at least %d characters of the plate", []any{pay.PlatePartMin}},
	"plate_alike":    {"nothing is guessed: if you mean %v, type that", nil},
	"no_ceiling":     {"give --amount, or ask the owner for a preset", nil},
	"ceiling_small":  {"allow more than that", nil},
	"ceiling_form":   {"give amounts and quantities above zero and within their limits", nil},
	"price_bounds":   {"set one with `paybeacon till fuel prices --set`", nil},
	"price_form":     {"write a plain decimal above zero with at most %v decimals, such as 1.6", nil},
	"prices_form":    {"write PRODUCT=PRICE, with commas between, such as diesel=1.639,petrol95=1.759", nil},
	"prices_twice":   {"give each product one price", nil},
	"prices_many":    {"give at most %d", []any{pay.PricesMax}},
	"quantity_form":  {"write a plain decimal above zero with at most three decimals, such as 31.20", nil},

	// Payments at box and wallet.
	"id_form":             {"give the id, or its first digits, as the list prints it", nil},
	"id_unknown":          {"list them to see their ids", nil},
	"id_short":            {"give more of its digits", nil},
	"no_receipt_yet":      {"a receipt is written about the registry's last word: wait until the payment has ended", nil},
	"authority_missing":   {"let the node reach the registry once, then ask again", nil},
	"kind_not_understood": {"upgrade paybeacon here; what was begun goes on, nothing new is begun until then", nil},

	// At the wallet.
	"verdict_unknown":      {"approve or decline", nil},
	"no_offer":             {"offers show up in `paybeacon wallet pending`", nil},
	"several_offers":       {"name one of them with --id; `paybeacon wallet pending` lists them", nil},
	"already_answered":     {"nothing was changed", nil},
	"already_decided":      {"nothing was changed", nil},
	"person_needed":        {"approve it by hand if you stand at this counter, else decline it", nil},
	"evidence_short":       {"`paybeacon wallet pending` says why; approve it by hand if you stand at this counter", nil},
	"tip_declined":         {"leave the tip out to decline", nil},
	"tip_not_asked":        {"approve it without a tip", nil},
	"tip_above_max":        {"`paybeacon wallet pending` says how much it may be; nothing was answered", nil},
	"tip_needs_device":     {"give less, or none; `paybeacon wallet rules` shows the amount", nil},
	"device_needed":        {"approve it through the wallet's daemon, with the device in reach", nil},
	"device_not_needed":    {"answer it without", nil},
	"challenge_missing":    {"decline it and ask the merchant to charge again", nil},
	"rule_name_taken":      {"give it another name", nil},
	"rule_name_form":       {"name who answers in 1 to %d printable bytes", []any{pay.RuleBytesMax}},
	"rule_amount":          {"give an amount above zero, such as under:20.00", nil},
	"rule_currency":        {"name the currency of the limit", nil},
	"mandate_amount":       {"give --each an amount above zero and within the limit", nil},
	"mandate_form":         {"see paybeacon wallet mandate add --help", nil},
	"rule_form":            {"see paybeacon wallet rules add --help", nil},
	"rule_caps":            {"give a cap for a day that one payment fits into", nil},
	"rule_not_found":       {"`paybeacon wallet rules list` shows them", nil},
	"rules_many":           {"remove one first: paybeacon wallet rules remove --name NAME", nil},
	"rules_paused":         {"approve it by hand, or go on with paybeacon wallet rules resume", nil},
	"rule_short":           {"approve it by hand; `paybeacon wallet rules` shows what was spent today", nil},
	"rule_unknown":         {"use ask, none, all or under:AMOUNT", nil},
	"preset_form":          {"write one of --litres N, --amount A, --full and --none", nil},
	"preset_tank":          {"ask for no more than the tank takes, or pair the device again with another tank", nil},
	"preset_no_vehicle":    {"pair it with --vehicle plate=…,fuel=…; `paybeacon wallet devices` lists those that have one", nil},
	"vehicle_none":         {"pair a device with --vehicle plate=…,fuel=…", nil},
	"vehicle_which":        {"name one with --device; `paybeacon wallet devices` lists them", nil},
	"step_up_form":         {"give one such as 50.00, or none", nil},
	"step_up_pending":      {"look at it with `paybeacon wallet rules` and try again when it is decided", nil},
	"step_up_changed":      {"look at it with `paybeacon wallet rules` and try again", nil},
	"step_up_needs_device": {"try again with a device of this wallet in reach", nil},

	// Devices of a wallet.
	"bind_invalid":     {"pair the device again", nil},
	"device_changed":   {"nothing was changed", nil},
	"device_unknown":   {"`paybeacon wallet devices` lists them", nil},
	"link_form":        {"give it as host:port", nil},
	"names_form":       {"keep each within %d printable bytes", []any{pay.NameBytesMax}},
	"means_form":       {"keep the name within %d printable bytes, and give the token as your provider gave it", []any{pay.NameBytesMax}},
	"means_card":       {"give the token that your provider made for you, such as the id of a payment method; a card's number belongs on your provider's own page and nowhere else", nil},
	"means_unknown":    {"`paybeacon wallet means list` lists them", nil},
	"means_not_active": {"`paybeacon wallet means list` says where each stands; add it again, or pair without --means to pay from the account", nil},
	"pairing_text":     {"give all that the QR code holds, in quotes: 'paybeacon:pair?...'", nil},
	"pin_form":         {"type the PIN as the device shows it: XXXX-XXXX-XXXX", nil},

	// At the device.
	"replaced_invalid":     {"nothing was changed; pair the device with a wallet of its registry", nil},
	"device_bound":         {"its owner releases it first: paybeacon wallet revoke --device ID", nil},
	"device_paired":        {"to pair it anew, release it first", nil},
	"pin_wrong":            {"read the PIN that the device shows now", nil},
	"counter_used_up":      {"begin a new device in another directory and pair it", nil},
	"versions_differ":      {"use the same version of paybeacon on both sides", nil},
	"level_form":           {"set -4, 0 or 4 dB", nil},
	"power_fixed":          {"start it without --power if its wallet is to learn its level", nil},
	"nothing_on_air":       {"look at what beacon run says", nil},
	"codes_too_often":      {"wait a minute; if it was not you who asked, revoke the device", nil},
	"device_state_damaged": {"restore it from a backup, or begin a new device in another directory", nil},
	"device_state_newer":   {"use the newer paybeacon that wrote it; nothing was changed", nil},

	// At the registry.
	"authority_lapsed":     {"check the clock, or sign a new authority with the root key", nil},
	"topup_currency":       {"name an amount in %v", nil},
	"topup_amount":         {"choose an amount above zero and below the limit", nil},
	"operation_form":       {"see paybeacon admin %v --help", nil},
	"operation_key_used":   {"choose a new --key", nil},
	"payout_funds":         {"`paybeacon admin book` shows what is available; what open payments hold is not", nil},
	"move_same":            {"name two wallets; a wallet that took the place of another has its balance already", nil},
	"move_to_gone":         {"name a wallet that works: paybeacon admin nodes", nil},
	"move_nothing":         {"nothing was changed; `paybeacon admin book` shows all accounts", nil},
	"move_held":            {"move it when those payments have ended; nothing was changed", nil},
	"settle_over":          {"it is finished, and stays as it is; a refund gives back what was paid", nil},
	"settle_newer":         {"settle it with the newer paybeacon that brought it there", nil},
	"settle_which":         {"see what the acquirer's own list says and give %v", nil},
	"settle_outcome":       {"give %v", nil},
	"account_full":         {"choose a smaller amount", nil},
	"invite_form":          {"see paybeacon admin invite --help", nil},
	"invite_address":       {"give --address as HOST:PORT, the way nodes reach the registry", nil},
	"invite_text":          {"copy the whole URL that paybeacon admin invite printed, in quotes", nil},
	"invite_refused":       {"ask whoever runs the registry for a new one: paybeacon admin invite", nil},
	"node_revoked":         {"start with a new data directory and a new invite", nil},
	"node_enrolled":        {"use the node as it is, or a new data directory for a new invite", nil},
	"node_name_form":       {"choose a shorter or plainer --name", nil},
	"replace_box":          {"a lost box needs none: end it with paybeacon admin revoke, then invite another with the same --merchant and --site", nil},
	"node_replaced_before": {"name the wallet that took its place: --replaces %v", nil},
	"device_not_paired":    {"the owner pairs it first; paybeacon wallet devices shows its id", nil},
	"device_ambiguous":     {"give more of its digits", nil},
	"node_unknown":         {"paybeacon admin nodes lists them", nil},
	"node_not_found":       {"paybeacon admin nodes lists names, scopes and ids", nil},
	"node_ambiguous":       {"name the scope or the node id", nil},
	"neighbours_same":      {"name two different places", nil},
	"site_unknown":         {"paybeacon admin nodes --json lists merchants and sites", nil},
	"site_ambiguous":       {"write it as MERCHANT/SITE", nil},
}

type hint struct {
	words  string
	limits []any
}

// HintOf returns what a person can do next about an error, or "": the hint that
// the outermost pay.Error brings along, else the words for its case.
func HintOf(err error) string {
	var known *pay.Error
	if !errors.As(err, &known) {
		return ""
	}
	h, ok := hints[known.Case]
	switch {
	case known.Hint != "" || !ok:
		return known.Hint
	case len(h.limits) > 0:
		return fmt.Sprintf(h.words, h.limits...)
	case len(known.Args) > 0:
		return fmt.Sprintf(h.words, known.Args...)
	default:
		return h.words
	}
}

// WithHint returns the outermost pay.Error in err with the hint of HintOf, for
// where an error leaves the program and nobody can look its case up any more. Any
// other error is returned as it is.
func WithHint(err error) error {
	var known *pay.Error
	if !errors.As(err, &known) || known.Hint != "" {
		return err
	}
	return &pay.Error{Code: known.Code, Case: known.Case, Args: known.Args, Message: known.Message, Hint: HintOf(err), Err: known.Err}
}
