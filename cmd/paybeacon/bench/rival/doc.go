// Command rival is what a payment costs when a good engineer writes it with
// PostgreSQL, HTTP/2, TLS and JSON: a yardstick for the registry of paybeacon. It is a
// module of its own, so that its dependencies are not those of the program.
//
//	box      POST /requests   signed    ->  verify, resolve, sign an offer;  one transaction
//	wallet   GET  /feed       (stream)  <-  the offer
//	wallet   POST /answers    signed    ->  verify, sign a capture; ledger;  one transaction
//	both     GET  /feed       (stream)  <-  the capture
//
// It has the same four signatures and checks of them, the same durability at the
// server, a ledger in double entry whose wallets cannot be overdrawn, keys that make a
// charge once, and feeds that can be read again after a break. Each transaction is one
// statement and so one round trip to PostgreSQL. Boxes and wallets keep nothing, which
// is in its favour, and so are sixty-four wallets: no two payments in flight wait for
// the same account. A merchant's balance is the sum of its postings: a row would be one
// lock for all.
//
// Without arguments it starts PostgreSQL and the server in a temporary folder and reads
// orders, one a line, which it answers with one object a line:
//
//	alone N              N payments, one after another
//	load CALLERS DUR     CALLERS callers pay for DUR, one payment after another each
//
// Each answer is {"paid","seconds","p50_ms","p99_ms","server_cpu_us"}: the last is the
// CPU time of the server and of PostgreSQL for one payment.
package main
