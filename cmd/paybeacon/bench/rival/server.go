package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema string

const (
	poolConns    = 16 // a good number for two cores and one disk
	requestBytes = 16 << 10
	timeToPay    = time.Minute
)

// registry is the server.
type registry struct {
	db      *pgxpool.Pool
	key     ed25519.PrivateKey
	keys    map[string]ed25519.PublicKey // of boxes and wallets
	byCode  map[string]string            // the wallet of each code
	mu      sync.Mutex
	streams map[string][]chan []byte // by scope
}

// The statements of the two transactions.
const (
	sqlRequest = `
WITH p AS (
  INSERT INTO payments (id, merchant, key, wallet, amount, state, expires)
  VALUES ($1, $2, $3, $4, $5, 'offered', to_timestamp($6::double precision / 1000))
  ON CONFLICT (merchant, key) DO NOTHING RETURNING id),
f AS (INSERT INTO facts (payment, kind, raw) SELECT p.id, v.kind, v.raw FROM p, (VALUES ('request', $7::bytea), ('offer', $8::bytea)) v(kind, raw)),
e AS (INSERT INTO feed (scope, raw) SELECT v.scope, $8 FROM p, (VALUES ($2::text), ($4::text)) v(scope))
SELECT count(*) FROM p`
	sqlAnswer = `
WITH q AS (SELECT id, wallet, merchant, amount FROM payments WHERE id = $1 AND wallet = $2 AND state = 'offered' AND expires > now() FOR UPDATE),
w AS (UPDATE accounts a SET balance = a.balance - q.amount FROM q WHERE a.id = q.wallet AND a.balance >= q.amount RETURNING q.*),
p AS (UPDATE payments SET state = 'captured' FROM w WHERE payments.id = w.id RETURNING payments.id),
l AS (INSERT INTO postings (payment, account, amount) SELECT w.id, v.account, v.amount FROM w, LATERAL (VALUES (w.wallet, -w.amount), (w.merchant, w.amount)) v(account, amount)),
f AS (INSERT INTO facts (payment, kind, raw) SELECT w.id, v.kind, v.raw FROM w, (VALUES ('answer', $3::bytea), ('capture', $4::bytea)) v(kind, raw)),
e AS (INSERT INTO feed (scope, raw) SELECT v.scope, $4 FROM w, LATERAL (VALUES (w.merchant), (w.wallet)) v(scope))
SELECT count(*) FROM p`
)

// serve runs the server over the database until the input ends, and prints where it
// listens.
func serve(ctx context.Context, dsn string) error {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return err
	}
	config.MaxConns, config.MinConns = poolConns, poolConns
	db, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.Exec(ctx, schema); err != nil {
		return fmt.Errorf("make tables: %w", err)
	}
	r := &registry{db: db, key: keyOf(server), keys: map[string]ed25519.PublicKey{merchant: publicOf(merchant)}, byCode: map[string]string{}, streams: map[string][]chan []byte{}}
	for i := range wallets {
		r.keys[wallet(i)], r.byCode[codeOf(i)] = publicOf(wallet(i)), wallet(i)
		if _, err := db.Exec(ctx, `INSERT INTO accounts VALUES ($1, $2)`, wallet(i), int64(1)<<50); err != nil {
			return err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /requests", r.answering(r.request))
	mux.HandleFunc("POST /answers", r.answering(r.answer))
	mux.HandleFunc("GET /feed", r.feed)
	cert, err := certificate()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}}, ReadHeaderTimeout: time.Minute}
	srv.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 1_000}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = srv.Close()
	}()
	if err := srv.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "rival"}, NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// answering reads a body and says 204, or 422 with the error.
func (r *registry) answering(do func(ctx context.Context, raw []byte) error) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		raw, err := io.ReadAll(http.MaxBytesReader(w, q.Body, requestBytes))
		if err == nil {
			err = do(q.Context(), raw)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// request makes an offer of a box's request.
func (r *registry) request(ctx context.Context, raw []byte) error {
	b, err := open(r.keys[merchant], raw, "request")
	if err != nil {
		return err
	}
	to, ok := r.byCode[b.Code]
	if !ok || b.Merchant != merchant || b.Amount <= 0 {
		return errors.New("nobody broadcasts this code")
	}
	id := newID()
	expires := time.Now().Add(timeToPay).UnixMilli()
	offer, err := sign(r.key, body{
		Kind: "offer", Payment: uuidText(id), Merchant: b.Merchant, Site: b.Site, Key: b.Key, Wallet: to, Amount: b.Amount, Currency: b.Currency,
		Expires: expires, At: time.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	var made int
	if err := r.db.QueryRow(ctx, sqlRequest, id, b.Merchant, b.Key, to, b.Amount, float64(expires), raw, offer).Scan(&made); err != nil {
		return err
	}
	if made == 1 { // the same key again: what became of it stands in the feed
		r.push(offer, b.Merchant, to)
	}
	return nil
}

// answer captures what a wallet approves.
func (r *registry) answer(ctx context.Context, raw []byte) error {
	var said body // whose signature is to be checked stands in what was signed
	if err := peek(raw, &said); err != nil {
		return err
	}
	key, ok := r.keys[said.Wallet]
	if !ok {
		return errors.New("no such wallet")
	}
	b, err := open(key, raw, "answer")
	if err != nil {
		return err
	}
	var id pgtype.UUID
	if err := id.Scan(b.Payment); err != nil {
		return err
	}
	capture, err := sign(r.key, body{
		Kind: "capture", Payment: b.Payment, Merchant: b.Merchant, Key: b.Key, Wallet: b.Wallet, Amount: b.Amount, Currency: b.Currency, At: time.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	var done int
	if err := r.db.QueryRow(ctx, sqlAnswer, id, b.Wallet, raw, capture).Scan(&done); err != nil {
		return err
	}
	if done != 1 {
		return errors.New("nothing to be answered, or too little money")
	}
	r.push(capture, b.Merchant, b.Wallet)
	return nil
}

// push sends what was published to those who listen. One that cannot take it reads the
// feed again.
func (r *registry) push(raw []byte, scopes ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range scopes {
		for _, c := range r.streams[s] {
			select {
			case c <- raw:
			default:
			}
		}
	}
}

// feed streams what a scope may see, from now on, or first what stands behind ?after.
func (r *registry) feed(w http.ResponseWriter, q *http.Request) {
	scope := q.URL.Query().Get("scope")
	c := make(chan []byte, 4_096)
	r.mu.Lock()
	r.streams[scope] = append(r.streams[scope], c)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	flusher := http.NewResponseController(w)
	if after, err := strconv.ParseInt(q.URL.Query().Get("after"), 10, 64); err == nil {
		rows, err := r.db.Query(q.Context(), `SELECT raw FROM feed WHERE scope = $1 AND id > $2 ORDER BY id`, scope, after)
		for err == nil && rows.Next() {
			var raw []byte
			if err = rows.Scan(&raw); err == nil {
				_, err = fmt.Fprintf(w, "data: %s\n\n", raw)
			}
		}
	}
	_ = flusher.Flush()
	for {
		select {
		case raw := <-c:
			_, err := fmt.Fprintf(w, "data: %s\n\n", raw)
			for more := true; more && err == nil; { // what has come meanwhile goes in one frame
				select {
				case raw := <-c:
					_, err = fmt.Fprintf(w, "data: %s\n\n", raw)
				default:
					more = false
				}
			}
			if err != nil || flusher.Flush() != nil {
				return
			}
		case <-q.Context().Done():
			return
		}
	}
}
