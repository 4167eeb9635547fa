package link

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

const (
	alpn          = "paybeacon-link/1"
	exporterLabel = "EXPORTER-paybeacon-link"
	// exporterBytes is the length of the keying material. Chosen: that of the
	// SHA-256 in pay.PairingProof.
	exporterBytes = 32
)

// errPeer means that a peer's certificate or protocol is not the expected one.
var errPeer = errors.New("link: peer is not who was expected")

// tlsConfig returns a configuration for either side that proves key. It accepts
// any Ed25519 key of the peer, or, unless pinned is zero, only the key with that
// ID. It returns the error of making the certificate.
func tlsConfig(key pay.Key, pinned pay.NodeID) (*tls.Config, error) {
	cert, err := certificate(key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{cert},
		NextProtos:             []string{alpn},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		// The name and issuer of a self-signed certificate prove nothing.
		// VerifyConnection checks the key instead.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			peer, err := peerKey(s)
			if err != nil {
				return err
			}
			if !pinned.IsZero() && peer.ID() != pinned {
				return fmt.Errorf("key is %s, want %s: %w", peer.ID().Short(), pinned.Short(), errPeer)
			}
			return nil
		},
	}, nil
}

// peerKey returns the key that the peer proved. It returns an error that wraps
// errPeer for another protocol or another kind of key.
func peerKey(s tls.ConnectionState) (pay.PublicKey, error) {
	if s.NegotiatedProtocol != alpn || len(s.PeerCertificates) != 1 {
		return pay.PublicKey{}, fmt.Errorf("not a link of paybeacon: %w", errPeer)
	}
	key, ok := s.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return pay.PublicKey{}, fmt.Errorf("key is not Ed25519: %w", errPeer)
	}
	return pay.PublicKey(key), nil
}

// certificate returns the certificate of a key: the same bytes each time, valid
// without end, because it binds the key to no name.
func certificate(key pay.Key) (tls.Certificate, error) {
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "paybeacon"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // no end (RFC 5280, 4.1.2.5)
	}
	// Ed25519 signatures (RFC 8032) need no randomness.
	der, err := x509.CreateCertificate(nil, &template, &template, key.Signer().Public(), key.Signer())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.Signer()}, nil
}
