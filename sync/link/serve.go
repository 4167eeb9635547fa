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

// Session is the device's side of one conversation, with a wallet that has
// proven its key.
type Session interface {
	// Prove checks the wallet's proof of the PIN and returns the device's own.
	// An error with CodePIN is answered with silence, one with CodeConflict says
	// that the device belongs to this wallet already.
	Prove(proof [32]byte) (own [32]byte, err error)
	// Bind binds the device to the wallet and returns the raw Bind fact. An error
	// with CodePIN says that no good PIN was proven, one with CodeBound that the
	// device belongs to another wallet.
	Bind(registry pay.NodeID, resolver pay.BeaconKey, kind pay.DeviceType) ([]byte, error)
	// Confirm notes that the wallet has the bind.
	Confirm() error
	// Authenticate returns the device's authentication code; it fills in registry
	// and wallet itself. An error with CodeTooMany says that it was asked too
	// often.
	Authenticate(a pay.Authentication) (pay.AuthCode, error)
}

// Options is what Serve needs. All fields but Log are required.
type Options struct {
	// Listener is closed by Serve.
	Listener net.Listener
	// Key is the device's identity key.
	Key pay.Key
	// Meet begins a conversation with the wallet that proved the key, on a
	// connection with the given exporter.
	Meet func(wallet pay.PublicKey, exporter []byte) Session
	// Release unbinds the device on the word of its wallet.
	Release func(wallet pay.PublicKey) error
	// Log is told of states that could not be kept and, at level debug, of
	// conversations that ended early; nil is silent.
	Log *slog.Logger
}

const (
	// framesMax bounds the frames of one conversation: one proof, asksMax asks
	// and the confirmation, and as much again.
	framesMax = 2 * (asksMax + 2)
	// acceptPause and acceptFailuresMax are for a machine that is out of file
	// descriptors for a while.
	acceptPause       = 100 * time.Millisecond
	acceptFailuresMax = 100
)

type server struct {
	options Options
	tls     *tls.Config
	log     *slog.Logger
}

// Serve answers wallets until ctx ends, then closes listener and connections,
// waits for all that it started and returns nil. It fails only when it can
// accept no more. At most pay.LinkConnsMax wallets are served at once; see room
// for who has to leave.
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
	var conversations sync.WaitGroup
	defer conversations.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = o.Listener.Close() })
	defer stop()
	room := &room{}
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
		guest, ok := room.enter(conn)
		if !ok {
			_ = conn.Close() // the wallet sees that nobody has time
			continue
		}
		conversations.Go(func() {
			defer room.leave(guest)
			s.talk(ctx, conn, func() { room.trust(guest) })
		})
	}
}

// talk serves one connection and closes it.
func (s server) talk(ctx context.Context, raw net.Conn, known func()) {
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	conn := tls.Server(raw, s.tls)
	err := s.converse(ctx, conn, known)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = raw.Close() // a slow peer would only be slow to hear of its end
	}
	// The end must be told in order, because silence has a meaning here; one
	// that cannot be told any more has none.
	_ = conn.Close()
	if err != nil && ctx.Err() == nil {
		// Anybody in reach can cause this, so it must not fill a log.
		s.log.Debug("a conversation on the link ended early", "with", raw.RemoteAddr().String(), "error", err)
	}
}

func (s server) converse(ctx context.Context, conn *tls.Conn, known func()) error {
	began := time.Now()
	if err := conn.SetDeadline(began.Add(pay.LinkFirstWord.Std())); err != nil {
		return err
	}
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	wallet, exporter, err := proven(conn)
	if err != nil {
		return err
	}
	session := s.options.Meet(wallet, exporter)
	for range framesMax {
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
		known() // a stranger is refused, which ends the conversation
	}
	return fmt.Errorf("more than %d frames: %w", framesMax, errMalformed)
}

// answer returns what to say to m; nil is silence, which ends the conversation,
// as any error does once the answer is sent.
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

// refuse returns how to refuse m because of err. Only a wrong proof is met with
// silence.
func (s server) refuse(m message, err error) (message, error) {
	switch pay.CodeOf(err) {
	case pay.CodePIN:
		if _, ok := m.(prove); ok {
			return nil, err
		}
		return refuse{reasonPIN}, err
	case pay.CodeConflict:
		return refuse{reasonPaired}, nil // a wallet that knows this device may go on
	case pay.CodeBound:
		return refuse{reasonBound}, err
	case pay.CodeTooMany:
		s.log.Warn("the wallet asks for codes too often", "error", err)
		return refuse{reasonOften}, err
	case pay.CodeUsage:
		return refuse{reasonMalformed}, err
	default:
		s.log.Error("the device could not do what its wallet asked", "error", err)
		return refuse{reasonFailed}, err
	}
}

// proven returns who the peer is and the keying material that only the two ends
// of this connection know.
func proven(conn *tls.Conn) (peer pay.PublicKey, exporter []byte, err error) {
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
