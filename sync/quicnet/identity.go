package quicnet

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// ALPN is the application protocol that both sides name (RFC 7301).
const ALPN = "paybeacon/1"

// serverName is sent instead of a host name, which an eavesdropper could read.
// The pinned key identifies the registry without it.
const serverName = "paybeacon"

// AuthorityOID is the certificate extension that holds the registry's raw
// authority fact: 2.25.1885499441. The arc under 2.25 is a 31-bit number, because
// widespread parsers read no longer ones.
func AuthorityOID() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 25, 1885499441} }

// certificate returns a self-signed certificate over key. authority may be nil.
func certificate(key pay.Key, authority []byte) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: key.ID().Short()},
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	if authority != nil {
		template.ExtraExtensions = []pkix.Extension{{Id: AuthorityOID(), Value: authority}}
	}
	pub := key.Public()
	der, err := x509.CreateCertificate(rand.Reader, template, template, ed25519.PublicKey(pub[:]), key.Signer())
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.Signer()}, nil
}

// peerKey returns the key of the peer's handshake, and its certificate. It fails
// unless there is one certificate, over an Ed25519 key.
func peerKey(cs tls.ConnectionState) (pay.PublicKey, *x509.Certificate, error) {
	if len(cs.PeerCertificates) != 1 {
		return pay.PublicKey{}, nil, fmt.Errorf("check peer: %d certificates, want 1", len(cs.PeerCertificates))
	}
	cert := cs.PeerCertificates[0]
	key, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok || len(key) != ed25519.PublicKeySize {
		return pay.PublicKey{}, nil, errors.New("check peer: the key is not Ed25519")
	}
	return pay.PublicKey(key), cert, nil
}

// registryKey returns the registry's working key and raw authority. It fails
// unless root signed the authority and it names the key of the handshake.
func registryKey(cs tls.ConnectionState, root pay.NodeID) (pay.PublicKey, []byte, error) {
	key, cert, err := peerKey(cs)
	if err != nil {
		return pay.PublicKey{}, nil, err
	}
	var raw []byte
	for _, e := range cert.Extensions {
		if e.Id.Equal(AuthorityOID()) {
			raw = e.Value
		}
	}
	if raw == nil {
		return pay.PublicKey{}, nil, errors.New("check registry: its certificate carries no authority")
	}
	if root.IsZero() {
		return pay.PublicKey{}, nil, errors.New("check registry: no root is pinned")
	}
	authority, err := pay.OpenAuthority(raw, root)
	if err != nil {
		return pay.PublicKey{}, nil, fmt.Errorf("check registry: %w", err)
	}
	if authority.Working != key {
		return pay.PublicKey{}, nil, errors.New("check registry: its authority names another key than it uses")
	}
	return key, raw, nil
}

// clientTLS returns the configuration of a node that pins root. refused is called with the
// reason when root did not sign an authority for the registry's key, by a handshake that
// may go on for a moment after the dialler has given up.
func clientTLS(key pay.Key, root pay.NodeID, refused func(error)) (*tls.Config, error) {
	cert, err := certificate(key, nil)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		NextProtos:   []string{ALPN},
		ServerName:   serverName,
		// Names and chains are not what identifies a registry; VerifyConnection
		// checks the pinned root instead.
		InsecureSkipVerify: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, _, err := registryKey(cs, root)
			if err != nil {
				refused(err)
			}
			return err
		},
	}, nil
}

// serverTLS returns the configuration of a registry.
func serverTLS(key pay.Key, authority []byte) (*tls.Config, error) {
	cert, err := certificate(key, authority)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{cert},
		NextProtos:             []string{ALPN},
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, _, err := peerKey(cs)
			return err
		},
	}, nil
}
