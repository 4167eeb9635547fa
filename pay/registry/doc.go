// Package registry is the role of `serve`: it resolves codes, offers payments
// to wallets, moves money when a wallet approves, and publishes this in signed
// decisions.
//
// # The idea
//
// React is a pure step: given the rows, a time and one input it returns what is
// published and to whom. It runs inside the transaction that stores the input,
// so that a request and its offer, or an approval, the money and the receipt,
// become durable together. Everything else here (invites, top-ups, payouts,
// revocations, the audit) works over the same rows in the same manner.
//
//	request -> offered     to merchant and wallet, deadline set
//	           unmatched, ambiguous, expired, cancelled     to the merchant alone
//	answer  -> captured, declined, failed                   to both
//	           tipped, and captured, where it gives a tip
//	cancel  -> cancelled                                    to both
//	deadline -> expired                                     to both
//	mapping, revoke -> the device's status                  to the wallet
//	limit   -> the amount above which the device signs      to the wallet
//
// What the registry can do is a list of features (see feature). A feature is one
// value: the rules for the claims, deadlines and results of effects that concern
// it, the facts that it signs, its part in the audit and its rows. A new one is a
// file with such a value, and a place in the list.
//
// An offer that needs two channels (see stepUp) is preceded by a challenge, to
// the wallet alone. An approval of it is refused without the code that the device
// made for this challenge, payment, merchant and amount, and the offer stands
// until it ends. The approval is stored with its code, in the transaction that
// moves the money, so that no code is of use twice.
//
// A code that two places hear within its step may have been carried. Every offer
// of that step then needs a person and the device, those that stand already too,
// and all of them can be answered. Prompts without approval are limited for each
// wallet and box, and what a rule is expected to answer is no prompt until it has
// waited; those that another box causes by hearing the same codes are counted apart
// for each such box, so that none uses up what another may ask.
//
// Whatever has no arrow in pay/life.go gets a signed refusal, at most
// pay.RefusalsPerHour an hour for each node, and leaves every payment as it was.
// So does a claim on a payment or device of which a deadline failed and waits to
// be tried again.
//
// # Layout
//
// Rows, all of which Audit recomputes from facts, but for those marked. Ids
// and numbers are raw bytes, numbers big-endian:
//
//	a/WALLET 00 BOX    prompts without approval in the last hour (not audited)
//	ar/WALLET          up to which amount the wallet's rules have approved (not audited)
//	au/g               what the last good audit covered (not audited)
//	au/m/PART          how far the store had come by then (not audited)
//	au/s/PART          what payments had moved by then (not audited)
//	b/...              accounts: pay/book
//	c/NUMBER           code source: key, exponent and anchor of one mapping
//	bi/MERCHANT 00 NUMBER  a bill of a merchant, by its number
//	d/DEVICE           whose the device is
//	e                  how the clock was moved, each time that it was accepted (not audited)
//	f/CLAIM            a claim that was settled without a decision, and how (not audited)
//	fc/KEY             an acquirer gave the call of a key two answers
//	fk/KEY             what an acquirer answered to the call of a key
//	fl/PAYMENT         the call to an acquirer that has no answer yet
//	g/PAIR             two places that were declared neighbours
//	h/DEVICE STEP      where a code was heard (not audited)
//	i/INVITE           an invite (not audited)
//	j/REQUEST          a request that met its key in use
//	k/BEACON           the device that has this beacon key
//	l/MERCHANT 00 SITE when a merchant was last told who hears its customers (not audited)
//	la/REQUEST         a request that was made without an amount
//	m/NODE             a node: role, scope, names
//	ma/MANDATE         a mandate, and what was used of it
//	mp/MANDATE PAYMENT a payment by a mandate
//	ms/WALLET 00 NAME  what a wallet pays by under a name
//	mw/WALLET          the mandates of a wallet that have not ended
//	n                  the number of the newest code source
//	o/WALLET 00 DEVICE the wallet's devices
//	p/PAYMENT          where a payment stands: the fold of its decisions
//	pi/PAYMENT KEY    what more a payer was asked for on a hold, and what came of it
//	pr/DEVICE          what the owner of a vehicle wants at its next fuelling
//	q/BOX KEY          the payment that a box opened under a key
//	r/NODE             refusals of this hour (not audited)
//	s/MERCHANT         the scope of a merchant's name (not audited)
//	st/PAYMENT OF      what the operator settled of a payment
//	t/KEY              a top-up
//	tm/KEY             a balance that was moved to another wallet
//	tp/KEY             a payout
//	u/WALLET           above which amount the wallet's payments need its device
//	v/WALLET           the wallet has had a device (not audited)
//	w/WALLET           the node that signs for a wallet's scope
//	wr/NODE            who takes the place of a wallet's node
//	x/PAIR             how many codes two places both heard (not audited)
//	y/MERCHANT 00 KEY  the payment that a merchant's key stands for
//	z/MERCHANT         the merchant has its secret; its boxes that have keys of their own
//
// # Codes
//
// A code source is immutable: whenever a mapping, or what is known of a
// device's drift, changes, the device gets a new source with the next number.
// Tables that find a code in constant time are built from sources in the
// background; a table that covers the sources up to N stays right for ever, and
// the few sources after N are tried one by one from the rows. What a table names
// is then checked against the rows, which are the truth.
//
// # Guarantees
//
// A payment is captured at most once, only from offered, only by an approval
// that the payer's wallet signed over the same terms. A code resolves only
// within its window and only to the wallet whose mapping is current. React
// depends on rows, time and input alone; a broken invariant of our own panics
// before it can be committed.
package registry
