package datadir

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// The files of a data directory that say what it is.
const (
	secretsFile   = "secrets.json"
	authorityFile = "authority.cose"
	// MemberFile holds the Member of a box or wallet.
	MemberFile = "member.json"
	// DeviceFile holds the state of a device, as pay/device encodes it.
	DeviceFile = "device.state"
)

const pemType = "PRIVATE KEY" // PKCS #8, RFC 5958

// LoadOrMakeKey returns the Ed25519 key kept in the named file, making it first
// when there is none. Its errors are those of LoadKey and Write.
func (d Dir) LoadOrMakeKey(name string) (pay.Key, error) {
	key, err := d.LoadKey(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = pay.NewKey(rand.Reader); err != nil {
		return pay.Key{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key.Signer())
	if err != nil {
		return pay.Key{}, fmt.Errorf("encode key: %w", err)
	}
	return key, d.Write(name, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}))
}

// LoadKey returns the Ed25519 key kept in the named file. Its error wraps
// fs.ErrNotExist where there is none, and else is a *pay.Error with CodeConfig.
func (d Dir) LoadKey(name string) (pay.Key, error) {
	raw, err := d.read(name)
	if err != nil {
		return pay.Key{}, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil || block.Type != pemType {
		return pay.Key{}, pay.NewError(pay.CodeConfig, d.Path(name)+" holds no private key", "restore it from a backup")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return pay.Key{}, cannotRead(err, "read "+d.Path(name), "restore it from a backup")
	}
	priv, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return pay.Key{}, pay.NewError(pay.CodeConfig, d.Path(name)+" is not an Ed25519 key", "restore it from a backup")
	}
	return pay.KeyFromSeed(priv.Seed())
}

// Secrets are the registry's long-lived secrets besides its keys, as secrets.json
// holds them. None of them enters a log or an error.
type Secrets struct {
	V        int          `json:"v"`
	Currency pay.Currency `json:"currency"`
	Resolver []byte       `json:"resolver"`        // X25519 private key
	PayerRef [32]byte     `json:"payer_ref"`       // makes a merchant's names for payers
	Reset    [32]byte     `json:"stateless_reset"` // of QUIC, RFC 9000 section 10.3
	Token    [32]byte     `json:"address_token"`   // of QUIC, RFC 9000 section 8.1
}

// ResolverKey is the registry's half of the agreement (X25519, RFC 7748) out of which a
// device and the registry make the device's codes. Its error is that of crypto/ecdh, for
// bytes that are no key.
func (s Secrets) ResolverKey() (*ecdh.PrivateKey, error) {
	return ecdh.X25519().NewPrivateKey(s.Resolver)
}

// LoadOrMakeSecrets returns the registry's secrets, making them first for a new
// registry, whose currency is then fixed. Its errors are those of Write, and a
// *pay.Error with CodeConfig for a file that cannot be read or understood.
func (d Dir) LoadOrMakeSecrets(currency pay.Currency) (Secrets, error) {
	const name = secretsFile
	var s Secrets
	raw, err := d.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		resolver, err := ecdh.X25519().GenerateKey(rand.Reader)
		if err != nil {
			return s, fmt.Errorf("make resolver key: %w", err)
		}
		s = Secrets{V: 1, Currency: currency, Resolver: resolver.Bytes()}
		for _, secret := range []*[32]byte{&s.PayerRef, &s.Reset, &s.Token} {
			_, _ = rand.Read(secret[:]) // never fails, crypto/rand says
		}
		raw, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return s, fmt.Errorf("encode secrets: %w", err)
		}
		return s, d.Write(name, raw)
	case err != nil:
		return s, cannotRead(err, "read "+d.Path(name), "check its permissions")
	}
	if err := json.Unmarshal(raw, &s); err != nil || s.V != 1 {
		return s, pay.NewError(pay.CodeConfig, d.Path(name)+" cannot be understood", "restore it from a backup")
	}
	return s, nil
}

// LoadOrMakeAuthority returns the root key's statement on the working key. It is
// signed once; root.key may then be kept elsewhere. Its errors are those of
// LoadOrMakeKey and Write, and a *pay.Error with CodeConfig for a statement that cannot
// be read or names another working key.
func (d Dir) LoadOrMakeAuthority(working pay.Key, now pay.Time) (pay.Fact, error) {
	const name = authorityFile
	raw, err := d.read(name)
	if err == nil {
		a, err := pay.OpenAuthority(raw, pay.NodeID{})
		if err != nil {
			return pay.Fact{}, cannotRead(err, "read "+d.Path(name), "restore it from a backup")
		}
		if a.Working != working.Public() {
			return pay.Fact{}, pay.NewError(pay.CodeConfig, "node.key is not the key that authority.cose names", "restore both from the same backup")
		}
		return pay.Parse(raw)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return pay.Fact{}, cannotRead(err, "read "+d.Path(name), "check its permissions")
	}
	root, err := d.LoadOrMakeKey("root.key")
	if err != nil {
		return pay.Fact{}, err
	}
	f, err := pay.Sign(root, pay.Authority{
		Root: root.Public(), Working: working.Public(),
		From: min(now.Add(-authorityBackdated), authorityFrom), Until: max(now, authorityFrom).Add(authorityLife),
	})
	if err != nil {
		return pay.Fact{}, err
	}
	return f, d.Write(name, f.Raw())
}

const (
	// authorityFrom is a moment that every authority covers, and authorityLife more:
	// a clock that was years ahead or behind when the registry was set up must not
	// make it mute once it is right. Chosen: 2025, before any registry.
	authorityFrom pay.Time = 1_735_689_600_000
	// authorityBackdated lets a registry go on whose clock is set back by less.
	// Chosen: a month.
	authorityBackdated pay.Millis = 30 * 24 * 3_600_000
	// authorityLife is how long a working key may sign. Chosen: longer than the
	// machine lives.
	authorityLife pay.Millis = 10 * 365 * 24 * 3_600_000
)

// Member is what a box or wallet keeps of its enrolment.
type Member struct {
	V         int           `json:"v"`
	Role      pay.Role      `json:"role"`
	Scope     pay.Scope     `json:"scope"`
	Name      pay.Name      `json:"name"`
	Shop      pay.Name      `json:"merchant,omitempty"`
	Class     pay.BoxClass  `json:"class,omitempty"` // what a box is for; "" for any shop
	Site      pay.Name      `json:"site,omitempty"`
	Server    string        `json:"server"`
	Invite    pay.InviteID  `json:"invite"`
	Root      string        `json:"root"` // fingerprint that is pinned
	Authority []byte        `json:"authority"`
	Currency  pay.Currency  `json:"currency"`
	Resolver  pay.BeaconKey `json:"resolver"`
	// Replaces is the node id of the wallet whose place this one has taken, or "".
	Replaces string `json:"replaces,omitempty"`
}

// LoadMember returns what the node keeps of its enrolment. Its error is a *pay.Error,
// with CodeNotEnrolled where it has not enrolled and else with CodeConfig.
func (d Dir) LoadMember() (Member, error) {
	var m Member
	raw, err := d.read(MemberFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m, pay.NewError(pay.CodeNotEnrolled, fmt.Sprintf("%s is not enrolled with any registry", d),
			"get an invite (paybeacon admin invite), then scan enrol or wallet enrol")
	}
	if err != nil {
		return m, cannotRead(err, "read "+d.Path(MemberFile), "check its permissions")
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.V != 1 {
		return m, pay.NewError(pay.CodeConfig, d.Path(MemberFile)+" cannot be understood", "restore it from a backup, or enrol anew in another directory")
	}
	return m, nil
}

// Root returns the fingerprint of the root key that the node trusts. Its error is a
// *pay.Error.
func (d Dir) Root() (pay.NodeID, error) {
	if err := d.Check(); err != nil {
		return pay.NodeID{}, err
	}
	if d.Role() == pay.RoleRegistry {
		raw, err := d.read(authorityFile)
		if err != nil {
			return pay.NodeID{}, cannotRead(err, "read "+d.Path(authorityFile), "start the registry once, or restore it from a backup")
		}
		a, err := pay.OpenAuthority(raw, pay.NodeID{})
		if err != nil {
			return pay.NodeID{}, cannotRead(err, "read "+d.Path(authorityFile), "restore it from a backup")
		}
		return a.Root.ID(), nil
	}
	m, err := d.LoadMember()
	if err != nil {
		return pay.NodeID{}, err
	}
	return m.RootID()
}

// RootID returns the fingerprint of the root key that enrolment pinned. Its error is a
// *pay.Error with CodeConfig where the file holds none.
func (m Member) RootID() (pay.NodeID, error) {
	id, err := pay.ParseNodeID(m.Root)
	if err != nil {
		return id, pay.Wrap(err, pay.CodeConfig, "read pinned root", "restore "+MemberFile+" from a backup")
	}
	return id, nil
}

// Replaced returns the wallet whose place this one has taken, or zero. Its error is a
// *pay.Error with CodeConfig where the file holds what is no node id.
func (m Member) Replaced() (pay.NodeID, error) {
	if m.Replaces == "" {
		return pay.NodeID{}, nil
	}
	id, err := pay.ParseNodeID(m.Replaces)
	if err != nil {
		return id, pay.Wrap(err, pay.CodeConfig, "read whose place the wallet has taken", "restore "+MemberFile+" from a backup")
	}
	return id, nil
}

// Role returns what the directory is by the files in it; "" when it is new.
func (d Dir) Role() pay.Role {
	if _, err := os.Stat(d.Path(secretsFile)); err == nil {
		return pay.RoleRegistry
	}
	if _, err := os.Stat(d.Path(DeviceFile)); err == nil {
		return pay.RoleDevice
	}
	m, err := d.LoadMember()
	if err != nil {
		return ""
	}
	return m.Role
}

// SaveMember keeps what the node has of its enrolment. Its errors are those of Write.
func (d Dir) SaveMember(m Member) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode membership: %w", err)
	}
	return d.Write(MemberFile, raw)
}

// Identity returns who a box or wallet is: its enrolment and its key. Its errors are
// those of LoadMember, and a *pay.Error with CodeConflict where the directory is that of
// another role and with CodeConfig where the key cannot be read.
func (d Dir) Identity(role pay.Role) (Member, pay.Key, error) {
	m, err := d.LoadMember()
	if err != nil {
		return m, pay.Key{}, err
	}
	if m.Role != role {
		return m, pay.Key{}, pay.NewError(pay.CodeConflict, string(d)+" is the directory of a "+string(m.Role), "use the command for that role, or another directory")
	}
	key, err := d.LoadKey("node.key")
	if err != nil {
		return m, key, cannotRead(err, "load this node's key", "restore the directory from a backup")
	}
	return m, key, nil
}

// LoadOrMakeDevice returns the device kept in the directory, making it first when there
// is none: one that broadcasts a new code every 2^k seconds, from now on. Its errors are
// those of device.Decode and Write, and a *pay.Error with CodeConfig for a file that
// cannot be read.
func (d Dir) LoadOrMakeDevice(k pay.Exponent, now pay.Time) (device.State, error) {
	raw, err := d.read(DeviceFile)
	switch {
	case err == nil:
		return device.Decode(raw)
	case !errors.Is(err, fs.ErrNotExist):
		return device.State{}, cannotRead(err, "read "+d.Path(DeviceFile), "check its permissions")
	}
	state, err := device.New(rand.Reader, k, now)
	if err != nil {
		return state, err
	}
	return state, d.Write(DeviceFile, state.Encode())
}
