package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Session is the device's side of one connection, with a wallet that has proven
// its key in TLS.
type Session interface {
	// Prove checks the wallet's proof of the PIN and returns the device's own. An
	// error with CodePIN means that the proof is wrong; the server closes the
	// connection then and sends nothing. An error with CodeConflict means that the
	// device is bound to this wallet already.
	Prove(proof [32]byte) (own [32]byte, err error)
	// Bind binds the device to the wallet and returns the raw Bind fact. An error
	// with CodePIN means that no valid PIN was proven, one with CodeBound that the
	// device is bound to another wallet.
	Bind(registry pay.NodeID, resolver pay.BeaconKey, kind pay.DeviceType) ([]byte, error)
	// Confirm records that the wallet has the bind. An error with CodeBound means
	// that the device is not bound to this wallet.
	Confirm() error
	// Authenticate returns the device's authentication code; it fills in registry
	// and wallet itself. An error with CodePIN means that the device is unpaired,
	// one with CodeBound that it is bound to another wallet, and one with
	// CodeTooMany that it has given too many codes.
	Authenticate(a pay.Authentication) (pay.AuthCode, error)
	// OnAir returns the code that the device broadcasts now and for how long it will.
	// An error with CodePIN means that the device is unpaired, one with CodeBound that
	// it is bound to another wallet, and one with CodeRadio that nothing is on the air.
	OnAir() (c pay.Code, stays pay.Millis, err error)
	// SetLevel has the device correct the power that it states, from its next code on,
	// and returns how long that is from now. An error with CodePIN means that the device
	// is unpaired, one with CodeBound that it is bound to another wallet, one with
	// CodeUsage that the level is out of bounds, and one with CodeNotAvailable that its
	// power was set by who started it.
	SetLevel(l pay.Level) (from pay.Millis, err error)
	// Succeed shows the device by which statement a wallet was replaced. An error
	// with CodePIN means that the device is unpaired, one with CodeUsage that the
	// statement is not its registry's.
	Succeed(authority, statement []byte) error
}

// Options is what Serve needs. All fields but Log are required.
type Options struct {
	// Listener is closed by Serve.
	Listener net.Listener
	// Key is the device's identity key.
	Key pay.Key
	// Meet begins a session with the wallet that proved its key in TLS, on a
	// connection with the given exporter.
	Meet func(wallet pay.PublicKey, exporter []byte) Session
	// Release ends the device's binding at the request of its wallet.
	Release func(wallet pay.PublicKey) error
	// Log receives states that could not be stored and, at level debug,
	// connections that ended early; nil means no log.
	Log *slog.Logger
}

const (
	// framesMax bounds the frames of one connection. Chosen: one proof,
	// bindRequestsMax requests and one confirmation, and the same again. The
	// statements on replaced wallets come on top, pay.SuccessionMax of them.
	framesMax = 2 * (bindRequestsMax + 2)
	// acceptPause is the pause after Accept failed, and acceptFailuresMax how many
	// failures in a row end Serve. Chosen: a machine that lacks file descriptors
	// for ten seconds recovers.
	acceptPause       = 100 * time.Millisecond
	acceptFailuresMax = 100
)

type server struct {
	options Options
	tls     *tls.Config
	log     *slog.Logger
}

// Serve answers wallets until ctx ends, then closes the listener and all
// connections, waits for the goroutines that it started, and returns nil. It
// serves at most pay.LinkConnsMax connections at once; see connTable for the one
// that is replaced. It fails only if it cannot accept connections any more, with
// the listener's error, or if the key's certificate cannot be made.
func Serve(ctx context.Context, o Options) error {
	defer func() { _ = o.Listener.Close() }() // nothing was written to it
	config, err := tlsConfig(o.Key, pay.NodeID{})
	if err != nil {
		return fmt.Errorf("serve link: %w", err)
	}
	s := server{options: o, tls: config, log: o.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = o.Listener.Close() })
	defer stop()
	table := &connTable{}
	for failures := 0; ; {
		conn, err := o.Listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err != nil:
			if failures++; errors.Is(err, net.ErrClosed) || failures == acceptFailuresMax {
				return fmt.Errorf("serve link: %w", err)
			}
			pause(ctx, acceptPause)
			continue
		}
		failures = 0
		entry, ok := table.admit(conn)
		if !ok {
			_ = conn.Close() // the wallet sees a broken connection and may try again
			continue
		}
		serving.Go(func() {
			defer table.remove(entry)
			s.serveConn(ctx, conn, func() { table.markServed(entry) })
		})
	}
}

// serveConn serves one connection and closes it. It calls served after each answer.
func (s server) serveConn(ctx context.Context, raw net.Conn, served func()) {
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn := tls.Server(raw, s.tls)
	err := s.answerAll(ctx, conn, served)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = raw.Close() // a slow peer would also delay the TLS closing alert
	}
	// TLS must be closed properly, because to a wallet a proper close without an
	// answer means a wrong PIN, and a broken connection does not.
	_ = conn.Close()
	if err != nil && ctx.Err() == nil {
		// Any peer in the network can cause this, so it must not fill a log.
		s.log.Debug("a conversation on the link ended early", "with", raw.RemoteAddr().String(), "error", err)
	}
}

// answerAll makes the handshake and answers the frames of one connection. It
// returns nil when the wallet closes the connection properly.
func (s server) answerAll(ctx context.Context, conn *tls.Conn, served func()) error {
	began := time.Now()
	if err := conn.SetDeadline(began.Add(pay.LinkFirstFrame.Std())); err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	wallet, exporter, err := peerAndExporter(conn)
	if err != nil {
		return err
	}
	session := s.options.Meet(wallet, exporter)
	for frames, shown := 0, 0; frames < framesMax; {
		m, err := readFrame(conn)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errMalformed) {
			return errors.Join(err, send(conn, refuse{reasonMalformed}))
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if _, ok := m.(succeed); ok && shown < pay.SuccessionMax {
			shown++
		} else {
			frames++
		}
		if err := conn.SetDeadline(began.Add(pay.LinkTimeout.Std())); err != nil {
			return err
		}
		answer, err := s.answer(session, wallet, m)
		if answer == nil {
			return err
		}
		if err := errors.Join(err, send(conn, answer)); err != nil {
			return err
		}
		served() // a refusal of another wallet has ended the connection before
	}
	return fmt.Errorf("more than %d frames: %w", framesMax, errMalformed)
}

// answer returns the answer to m, or nil to close the connection without one. An
// error ends the connection once the answer is sent.
func (s server) answer(session Session, wallet pay.PublicKey, m message) (message, error) {
	var reply message = done{}
	var err error
	switch m := m.(type) {
	case prove:
		var own [32]byte
		own, err = session.Prove(m.Proof)
		reply = proof{own}
	case ask:
		var raw []byte
		raw, err = session.Bind(m.Registry, m.Resolver, m.Type)
		reply = bind{raw}
	case kept:
		err = session.Confirm()
	case sign:
		var given pay.AuthCode
		given, err = session.Authenticate(m.authentication())
		reply = code{given}
	case signFuel:
		var given pay.AuthCode
		given, err = session.Authenticate(m.authentication())
		reply = code{given}
	case air:
		var now onAir
		now.Code, now.Stays, err = session.OnAir()
		reply = now
	case level:
		var now states
		now.From, err = session.SetLevel(m.Level)
		reply = now
	case succeed:
		err = session.Succeed(m.Authority, m.Replaced)
	case release:
		err = s.options.Release(wallet)
	default:
		return refuse{reasonMalformed}, fmt.Errorf("frame of type %d is not for a device: %w", m.frameType(), errMalformed)
	}
	if err == nil {
		return reply, nil
	}
	return s.refuse(m, err)
}

// refuse returns the refusal of m because of err. Only a wrong proof gets no
// answer. The error is nil if the connection may go on.
func (s server) refuse(m message, err error) (message, error) {
	code := pay.CodeOf(err)
	if _, ok := m.(prove); ok && code == pay.CodePIN {
		return nil, err
	}
	f := find(func(f refusal) bool { return f.code == code })
	switch f.code {
	case pay.CodeConflict:
		err = nil // a wallet that knows this device may go on
	case pay.CodeTooMany:
		s.log.Warn("the wallet asks for codes too often", "error", err)
	case pay.CodeFailed:
		s.log.Error("the device could not do what its wallet asked", "error", err)
	}
	return refuse{f.reason}, err
}

// peerAndExporter returns the key that the peer proved, and the keying material
// that only the two ends of this connection know. It returns errPeer, or the error
// of the exporter.
func peerAndExporter(conn *tls.Conn) (peer pay.PublicKey, exporter []byte, err error) {
	state := conn.ConnectionState()
	if peer, err = peerKey(state); err != nil {
		return peer, nil, err
	}
	exporter, err = state.ExportKeyingMaterial(exporterLabel, nil, exporterBytes)
	return peer, exporter, err
}

func send(w io.Writer, m message) error {
	if _, err := w.Write(encode(m)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
