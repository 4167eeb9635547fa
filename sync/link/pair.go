package link

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// asksMax bounds how often a wallet asks for a bind whose counter is fresh.
const asksMax = 3

// Dialer opens the connection to a device.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Peer says which device a wallet talks to, and as whom.
type Peer struct {
	// Address is the device's link, host:port.
	Address string
	// Key is the wallet's identity key.
	Key pay.Key
	// Device is the device's id when it is known, from its QR code or because
	// it was bound before; zero accepts whoever proves the PIN.
	Device pay.DeviceID
	// Dialer replaces the system's dialer when it is not nil.
	Dialer Dialer
}

// PairOptions is what Pair needs.
type PairOptions struct {
	Peer
	// PIN is what the device shows. The zero PIN means that Device is bound to
	// this wallet already; then Device must be set.
	PIN pay.PIN
	// Known says whether a device is bound to this wallet, by its mappings. A
	// known device that shows no PIN any more is asked again without one. It
	// may be nil.
	Known func(pay.DeviceID) bool
	// Registry, Resolver and Type are what the device is to sign.
	Registry pay.NodeID
	Resolver pay.BeaconKey
	Type     pay.DeviceType
	// Keep makes the bind durable at the wallet and returns nil when it is. It
	// is called at most once, at the moment the bind arrived, because the
	// bind's counter ages from then on.
	Keep func(Paired) error
}

// Paired is a device that bound itself to this wallet.
type Paired struct {
	Device pay.PublicKey
	Bind   []byte     // the raw Bind fact, verified
	Age    pay.Millis // it was signed at most so long before Keep is called
}

// Pair binds the device to the wallet and returns once the wallet has kept the
// bind. After any error the same call may be made again, with the same PIN as
// long as the device shows no other; a device that bound itself just before the
// connection died gives the same wallet a fresh bind.
//
// Its errors are *pay.Error unless ctx ended or Keep failed: CodeUnreachable,
// CodePIN, CodeBound when the device belongs to another wallet, CodeConflict
// when it already belongs to this one, CodeNotTrusted when it is not the device
// it should be, CodeUsage, CodeFailed.
func Pair(ctx context.Context, o PairOptions) (Paired, error) {
	if err := o.Type.Check(); err != nil {
		return Paired{}, pay.Wrap(err, pay.CodeUsage, "pair", "choose one of tag, phone, jack, voice")
	}
	if o.PIN == (pay.PIN{}) && o.Device.IsZero() {
		return Paired{}, pay.NewError(pay.CodeUsage, "pair: neither PIN nor device is given", "read the PIN that the device shows")
	}
	c, err := dial(ctx, o.Peer)
	if err != nil {
		return Paired{}, err
	}
	defer c.close()
	if o.PIN != (pay.PIN{}) {
		if err := c.provePIN(o); err != nil {
			return Paired{}, err
		}
	}
	p, err := c.askBind(o)
	if err != nil {
		return Paired{}, err
	}
	if err := o.Keep(p); err != nil {
		return Paired{}, fmt.Errorf("keep the bind: %w", err)
	}
	// Both sides are bound and durable. A device that does not hear the rest
	// keeps its spent PIN for this wallet, which harms nobody.
	_, _ = c.exchange(kept{})
	return p, nil
}

// Release ends the device's binding to this wallet, so that it shows a new PIN.
// Device must be set. It returns nil when the device is not bound to this
// wallet any more, and the same errors as Pair.
func Release(ctx context.Context, p Peer) error {
	if p.Device.IsZero() {
		return pay.NewError(pay.CodeUsage, "release: no device is given", "name the device; its id is among those of paybeacon wallet devices")
	}
	c, err := dial(ctx, p)
	if err != nil {
		return err
	}
	defer c.close()
	switch m, err := c.exchange(release{}); m := m.(type) {
	case nil:
		return c.explain(err)
	case done:
		return nil
	case refuse:
		return m.explain()
	default:
		return errUnexpected(m)
	}
}

// client is a wallet's end of one conversation. It serves one call and lives no
// longer, which is why it holds that call's context.
type client struct {
	ctx      context.Context
	raw      *endedConn
	conn     *tls.Conn
	own      pay.Key
	device   pay.PublicKey
	exporter []byte
	stop     func() bool
}

// endedConn notes the end of the raw stream. crypto/tls returns io.EOF for it
// as it does for an end that the peer announced, and only the latter means
// anything.
type endedConn struct {
	net.Conn
	ended bool
}

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
	within, cancel := context.WithTimeout(ctx, pay.LinkFirstWord.Std())
	defer cancel()
	plain, err := dialer.DialContext(within, "tcp", p.Address)
	if err != nil {
		return nil, unreachable(ctx, err, "reach the device at "+p.Address)
	}
	raw := &endedConn{Conn: plain}
	c := &client{ctx: ctx, raw: raw, conn: tls.Client(raw, config), own: p.Key}
	c.stop = context.AfterFunc(ctx, func() { _ = raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(pay.LinkTimeout.Std())); err != nil {
		c.close()
		return nil, unreachable(ctx, err, "reach the device at "+p.Address)
	}
	if err := c.conn.HandshakeContext(ctx); err != nil {
		c.close()
		return nil, explainHandshake(ctx, err, p.Address)
	}
	if c.device, c.exporter, err = proven(c.conn); err != nil {
		c.close()
		return nil, explainHandshake(ctx, err, p.Address)
	}
	return c, nil
}

func (c *client) close() {
	c.stop()
	_ = c.conn.Close() // all that matters was answered
}

// exchange sends m and returns the answer.
func (c *client) exchange(m message) (message, error) {
	if err := send(c.conn, m); err != nil {
		return nil, err
	}
	return readFrame(c.conn)
}

// provePIN proves the PIN to the device and has it proven back.
func (c *client) provePIN(o PairOptions) error {
	own := pay.PairingProof(o.PIN, c.exporter, pay.RoleWallet, c.own.Public(), c.device)
	switch m, err := c.exchange(prove{own}); m := m.(type) {
	case nil:
		return c.explainSilence(err)
	case proof:
		want := pay.PairingProof(o.PIN, c.exporter, pay.RoleDevice, c.device, c.own.Public())
		if !hmac.Equal(want[:], m.Proof[:]) {
			return pay.NewError(pay.CodeNotTrusted, "pair: who answers does not know the PIN", "somebody else may be answering in the device's place; check the link's address")
		}
		return nil
	case refuse:
		if m.Reason == reasonPaired && o.Known != nil && o.Known(c.device.ID()) {
			return nil
		}
		return m.explain()
	default:
		return errUnexpected(m)
	}
}

// askBind asks until a bind arrives quickly enough for its counter to count as
// the present one.
func (c *client) askBind(o PairOptions) (Paired, error) {
	for range asksMax {
		asked := time.Now()
		m, err := c.exchange(ask{o.Registry, o.Resolver, o.Type})
		age := pay.MillisOf(time.Since(asked)) + 1
		switch m := m.(type) {
		case nil:
			return Paired{}, c.explain(err)
		case bind:
			if err := c.checkBind(o, m.Raw); err != nil {
				return Paired{}, err
			}
			if age <= pay.LinkRoundMax {
				return Paired{Device: c.device, Bind: m.Raw, Age: age}, nil
			}
		case refuse:
			return Paired{}, m.explain()
		default:
			return Paired{}, errUnexpected(m)
		}
	}
	return Paired{}, pay.NewError(pay.CodeUnreachable, "pair: the device answers too slowly to agree on its clock", hintAgain)
}

// checkBind verifies that the device on this connection signed exactly what was
// asked.
func (c *client) checkBind(o PairOptions, raw []byte) error {
	m := pay.Mapping{Device: c.device.ID(), Bind: raw}
	b, err := m.OpenBind()
	if err == nil {
		err = m.Check()
	}
	if err != nil {
		return pay.Wrap(err, pay.CodeNotTrusted, "pair: the device's bind is no good", "check that both sides run the same version of paybeacon")
	}
	if b.Registry != o.Registry || b.Resolver != o.Resolver || b.Wallet != c.own.ID() || b.Type != o.Type {
		return pay.NewError(pay.CodeNotTrusted, "pair: the device signed something else than it was asked", "do not use this device")
	}
	return nil
}
