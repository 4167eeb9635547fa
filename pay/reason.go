package pay

// Reason is why a payment ended without money moving, or why a claim was
// refused. It is a stable name.
type Reason string

// The reasons.
const (
	ReasonUnknownCode       Reason = "unknown_code"
	ReasonOutOfStep         Reason = "out_of_step"
	ReasonCodeElsewhere     Reason = "code_elsewhere"
	ReasonTooManyPrompts    Reason = "too_many_prompts"
	ReasonInsufficientFunds Reason = "insufficient_funds"
	ReasonAccountFull       Reason = "account_full"
	ReasonNoAnswer          Reason = "no_answer"
	ReasonOverAge           Reason = "over_age"
	ReasonByPayer           Reason = "by_payer"
	ReasonByMerchant        Reason = "by_merchant"
	ReasonNodeRevoked       Reason = "node_revoked"
	ReasonNodeReplaced      Reason = "node_replaced"
	ReasonDeviceForgotten   Reason = "device_forgotten"
	// ReasonPayerCannotAnswer: the payment needs a device that cannot give its word.
	ReasonPayerCannotAnswer Reason = "payer_cannot_answer"
	// ReasonHoldOver: the hold ended before the merchant captured anything of it.
	ReasonHoldOver Reason = "hold_over"
	// ReasonNoPrice: a request without an amount got none in time.
	ReasonNoPrice       Reason = "no_price"
	ReasonLatePrice     Reason = "late_price"
	ReasonAlreadyPriced Reason = "already_priced"
	// ReasonAmbiguousCode: the code of a request without an amount resolves to two devices.
	ReasonAmbiguousCode Reason = "ambiguous_code"
	ReasonUnknownBill   Reason = "unknown_bill"
	// ReasonBillUsed: the bill is paid, or a payment by it is open.
	ReasonBillUsed Reason = "bill_used"
	// ReasonPayerTooOld: the payer's wallet did not know that it approves a hold.
	ReasonPayerTooOld Reason = "payer_too_old"

	ReasonLateCapture   Reason = "late_capture"
	ReasonLateVoid      Reason = "late_void"
	ReasonNotHeld       Reason = "not_held"
	ReasonNotCaptured   Reason = "not_captured"
	ReasonAboveHeld     Reason = "above_held"
	ReasonAboveCaptured Reason = "above_captured"
	ReasonLateIncrement Reason = "late_increment"
	// ReasonOnlyTipHeld: all of the amount is captured, and a capture that takes a tip
	// states how much.
	ReasonOnlyTipHeld Reason = "only_tip_held"
	// ReasonIncrementOpen: the payer is being asked for more already.
	ReasonIncrementOpen Reason = "increment_open"
	// ReasonAboveLimit: it would be more than any payment may be.
	ReasonAboveLimit Reason = "above_limit"
	// ReasonTooManyActions: a payment has DecisionsMax decisions.
	ReasonTooManyActions Reason = "too_many_actions"

	// ReasonWrongClass: the box is for no fuel.
	ReasonWrongClass Reason = "wrong_class"
	// ReasonNoVehicle: the device belongs to no vehicle.
	ReasonNoVehicle Reason = "no_vehicle"
	// ReasonWrongProduct: the vehicle takes another fuel.
	ReasonWrongProduct Reason = "wrong_product"
	// ReasonAbovePreset: it is more than the owner asked for, or the tank takes.
	ReasonAbovePreset Reason = "above_preset"
	// ReasonWrongTotal: quantity and price make another total.
	ReasonWrongTotal Reason = "wrong_total"
	// ReasonImplausible: no pump gives so much in that time.
	ReasonImplausible Reason = "implausible"

	ReasonLateAnswer     Reason = "late_answer"
	ReasonLateCancel     Reason = "late_cancel"
	ReasonAlreadyDecided Reason = "already_decided"
	ReasonWrongTerms     Reason = "wrong_terms"
	ReasonWrongRole      Reason = "wrong_role"
	ReasonWrongScope     Reason = "wrong_scope"
	ReasonWrongCurrency  Reason = "wrong_currency"
	ReasonWrongRegistry  Reason = "wrong_registry"
	ReasonUnknownPayment Reason = "unknown_payment"
	ReasonUnknownDevice  Reason = "unknown_device"
	ReasonUnknownKind    Reason = "unknown_kind"
	ReasonKeyUsed        Reason = "key_used"
	ReasonDeviceTaken    Reason = "device_taken"
	ReasonTooManyDevices Reason = "too_many_devices"
	ReasonTooMany        Reason = "too_many_refusals"
	ReasonNeedsDevice    Reason = "needs_device"
	ReasonWrongCode      Reason = "wrong_code"
	ReasonOldStepUp      Reason = "old_step_up"
	ReasonNewDevice      Reason = "new_device"
	ReasonSetAside       Reason = "set_aside"
	ReasonNeedsPerson    Reason = "needs_person"

	ReasonUnknownMerchant Reason = "unknown_merchant"
	ReasonUnknownMandate  Reason = "unknown_mandate"
	ReasonMandateOver     Reason = "mandate_over"
	ReasonTooManyMandates Reason = "too_many_mandates"

	// ReasonNoAcquirer: the registry does not call the acquirer of the means.
	ReasonNoAcquirer   Reason = "no_acquirer"
	ReasonTooManyMeans Reason = "too_many_means"
	// ReasonUnknownMeans: the wallet pays by no means of that name, or no longer.
	ReasonUnknownMeans Reason = "unknown_means"
	// ReasonInFlight: the acquirer has not answered what was asked of it before.
	ReasonInFlight Reason = "in_flight"
	// ReasonSettled: the registry's operator settled the payment, and says why.
	ReasonSettled Reason = "settled"
	// ReasonHoldsNoMore: the acquirer that holds the amount adds nothing to it.
	ReasonHoldsNoMore Reason = "holds_no_more"
)
