package link

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// bindRequestsMax bounds how often a wallet requests a bind until its counter is
// fresh. Chosen: a busy device may answer late once or twice.
const bindRequestsMax = 3

// Dialer opens the connection to a device. Its errors are those of net.Dialer.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Peer is a device that a wallet connects to, and the wallet's key.
type Peer struct {
	// Address is the device's link, host:port.
	Address string
	// Key is the wallet's identity key.
	Key pay.Key
	// Device is the device's ID if it is known, from its QR code or because it was
	// bound before; zero accepts any device that proves the PIN.
	Device pay.DeviceID
	// Dialer replaces the system's dialer unless it is nil.
	Dialer Dialer
}

// PairOptions is what Pair needs.
type PairOptions struct {
	Peer
	// PIN is the one that the device shows. The zero PIN means that Device is
	// bound to this wallet already; then Device must be set.
	PIN pay.PIN
	// Known reports whether a device is bound to this wallet, by the wallet's
	// mappings. Pairing with such a device goes on if it shows no PIN any more. It
	// may be nil.
	Known func(pay.DeviceID) bool
	// Registry, Resolver and Type are what the device must sign. With Type "" it is of
	// the type that it says, or a tag if it is of a version that says none.
	Registry pay.NodeID
	Resolver pay.BeaconKey
	Type     pay.DeviceType
	// Keep makes the bind durable at the wallet and returns nil when it is. It is
	// called at most once, as soon as the bind has arrived, because the bind's
	// counter ages from then on.
	Keep func(Paired) error
}

// Paired is a device that has bound itself to this wallet.
type Paired struct {
	Device pay.PublicKey
	Bind   []byte     // the raw Bind fact, verified
	Age    pay.Millis // it was signed at most this long before Keep is called
}

// Pair binds the device to the wallet and returns once the wallet has stored the
// bind. After any error the same call may be repeated, with the same PIN as long
// as the device shows no other. A device that bound itself just before the
// connection ended gives the same wallet a fresh bind.
//
// Pair returns the error of ctx if ctx ended, that of Keep if Keep failed, and
// otherwise a *pay.Error: CodeUsage for invalid options; CodeUnreachable; CodePIN
// for a wrong or expired PIN; CodeBound if the device is bound to another wallet;
// CodeConflict if it is bound to this one, and confirmed; CodeNotTrusted if it is
// not the expected device, does not know the PIN, or signs something else;
// CodeFailed if it answers otherwise.
func Pair(ctx context.Context, o PairOptions) (Paired, error) {
	if o.Type == "" {
		p, err := pairAs(ctx, o)
		if !errors.Is(err, errNotUnderstood) {
			return p, err
		}
		o.Type = pay.TypeTag
	}
	if err := o.Type.Check(); err != nil {
		return Paired{}, pay.Wrap(err, pay.CodeUsage, "pair", "choose one of tag, phone, jack, voice")
	}
	return pairAs(ctx, o)
}

// pairAs is Pair with a type that is good, or "".
func pairAs(ctx context.Context, o PairOptions) (Paired, error) {
	if o.PIN == (pay.PIN{}) && o.Device.IsZero() {
		return Paired{}, pay.NewError(pay.CodeUsage, "pair: neither PIN nor device is given", "read the PIN that the device shows")
	}
	c, err := dial(ctx, o.Peer)
	if err != nil {
		return Paired{}, err
	}
	defer c.close()
	if o.PIN != (pay.PIN{}) {
		if err := c.exchangeProofs(o); err != nil {
			return Paired{}, err
		}
	}
	p, err := c.requestBind(o)
	if err != nil {
		return Paired{}, err
	}
	if err := o.Keep(p); err != nil {
		return Paired{}, fmt.Errorf("keep the bind: %w", err)
	}
	// The binding is durable on both sides. A device that does not get this frame
	// keeps the spent PIN, which is valid only for this wallet.
	_, _ = request[done](c, kept{})
	return p, nil
}

// Release ends the device's binding to this wallet, so that it shows a new PIN.
// p.Device must be set. It returns nil if the device is unpaired now. Otherwise it
// returns the error of ctx if ctx ended, or a *pay.Error with CodeUsage,
// CodeUnreachable, CodeNotTrusted if another device answers, CodeBound if the
// device is bound to another wallet, or CodeFailed.
func Release(ctx context.Context, p Peer) error {
	return withDevice(ctx, p, "release", func(c *client) error {
		_, err := request[done](c, release{})
		return err
	})
}

// withDevice has use talk to p.Device, which must be set, on a connection of its own, and
// returns its error, or that of dial. what says in an error what was tried.
func withDevice(ctx context.Context, p Peer, what string, use func(*client) error) error {
	if p.Device.IsZero() {
		return pay.NewError(pay.CodeUsage, what+": no device is given", "name the device; its id is among those of paybeacon wallet devices")
	}
	c, err := dial(ctx, p)
	if err != nil {
		return err
	}
	defer c.close()
	return use(c)
}

// client is a wallet's end of one connection. It serves one call and ends with it,
// which is why it holds that call's context.
type client struct {
	ctx      context.Context
	raw      *endedConn
	conn     *tls.Conn
	own      pay.Key
	device   pay.PublicKey
	exporter []byte
	stop     func() bool
}

// endedConn records the end of the raw stream. crypto/tls returns io.EOF for it as
// well as for a proper close of TLS, and only the latter is an answer of the peer.
type endedConn struct {
	net.Conn
	ended bool
}

// Read returns the error of the connection, and records that there was one.
func (c *endedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.ended = c.ended || err != nil
	return n, err
}

func dial(ctx context.Context, p Peer) (*client, error) {
	if _, _, err := net.SplitHostPort(p.Address); err != nil {
		return nil, pay.Wrap(err, pay.CodeUsage, "reach the device", "write its link as HOST:PORT")
	}
	config, err := tlsConfig(p.Key, p.Device)
	if err != nil {
		return nil, fmt.Errorf("reach the device: %w", err)
	}
	dialer := p.Dialer
	if dialer == nil {
		dialer = &net.Dialer{}
	}
	within, cancel := context.WithTimeout(ctx, pay.LinkFirstFrame.Std())
	defer cancel()
	plain, err := dialer.DialContext(within, "tcp", p.Address)
	if err != nil {
		return nil, unreachable(ctx, err, "reach the device at "+p.Address)
	}
	raw := &endedConn{Conn: plain}
	c := &client{ctx: ctx, raw: raw, conn: tls.Client(raw, config), own: p.Key}
	c.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	err = raw.SetDeadline(time.Now().Add(pay.LinkTimeout.Std()))
	if err == nil {
		err = c.conn.HandshakeContext(ctx)
	}
	if err == nil {
		c.device, c.exporter, err = peerAndExporter(c.conn)
	}
	if err != nil {
		c.close()
		return nil, explainHandshake(ctx, err, p.Address)
	}
	return c, nil
}

func (c *client) close() {
	c.stop()
	_ = c.conn.Close() // every request was answered, or has failed
}

// request sends m and returns the answer. It returns the error of ctx if ctx ended, and
// otherwise a *pay.Error: that of a refusal, CodeFailed for another answer or one that
// makes no sense, or CodeUnreachable for all else.
func request[Answer message](c *client, m message) (answer Answer, err error) {
	var got message
	if err = send(c.conn, m); err == nil {
		got, err = readFrame(c.conn)
	}
	switch got := got.(type) {
	case nil:
		return answer, c.explain(err)
	case refuse:
		return answer, got.explain()
	case Answer:
		return got, nil
	default:
		return answer, pay.NewError(pay.CodeFailed, fmt.Sprintf("the device answered with a frame of type %d out of turn", got.frameType()), hintVersion)
	}
}

// exchangeProofs proves the PIN to the device and checks the device's proof. It
// returns the errors of Pair.
func (c *client) exchangeProofs(o PairOptions) error {
	own := pay.PairingProof(o.PIN, c.exporter, pay.RoleWallet, c.own.Public(), c.device)
	want := pay.PairingProof(o.PIN, c.exporter, pay.RoleDevice, c.device, c.own.Public())
	m, err := request[proof](c, prove{own})
	switch {
	case errors.Is(err, io.EOF) && !c.raw.ended && c.ctx.Err() == nil:
		// A device that closes TLS properly, without an answer, did not accept the proof.
		return pay.NewError(pay.CodePIN, "the device did not accept the PIN",
			fmt.Sprintf("read the PIN that the device shows now: it changes after %d wrong tries and every %d minutes", pay.PairingTries, pay.PairingTTL/60_000))
	case pay.CodeOf(err) == pay.CodeConflict && o.Known != nil && o.Known(c.device.ID()):
		return nil
	case err == nil && !hmac.Equal(want[:], m.Proof[:]):
		return pay.NewError(pay.CodeNotTrusted, "pair: who answers does not know the PIN", "somebody else may be answering in the device's place; check the link's address")
	}
	return err
}

// requestBind requests binds until one arrives within pay.LinkRoundMax, so that its
// counter counts as the present one. It returns the errors of Pair.
func (c *client) requestBind(o PairOptions) (Paired, error) {
	for range bindRequestsMax {
		asked := time.Now()
		m, err := request[bind](c, ask{o.Registry, o.Resolver, o.Type})
		age := pay.MillisOf(time.Since(asked)) + 1
		if err == nil {
			err = c.checkBind(o, m.Raw)
		}
		if err != nil {
			return Paired{}, err
		}
		if age <= pay.LinkRoundMax {
			return Paired{Device: c.device, Bind: m.Raw, Age: age}, nil
		}
	}
	return Paired{}, pay.NewError(pay.CodeUnreachable, "pair: the device answers too slowly to agree on its clock", hintAgain)
}

// checkBind verifies that the device on this connection signed exactly the
// requested bind. It returns a *pay.Error with CodeNotTrusted if not.
func (c *client) checkBind(o PairOptions, raw []byte) error {
	m := pay.Mapping{Device: c.device.ID(), Bind: raw}
	b, err := m.OpenBind()
	if err == nil {
		err = m.Check()
	}
	if err != nil {
		return pay.Wrap(err, pay.CodeNotTrusted, "pair: the device's bind is no good", "check that both sides run the same version of paybeacon")
	}
	if b.Registry != o.Registry || b.Resolver != o.Resolver || b.Wallet != c.own.ID() || o.Type != "" && b.Type != o.Type {
		return pay.NewError(pay.CodeNotTrusted, "pair: the device signed something else than it was asked", "do not use this device")
	}
	return nil
}
