package pay

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
)

// InviteID names an invite at the registry that made it.
type InviteID [8]byte

// String returns the id as 16 hexadecimal digits.
func (id InviteID) String() string { return hex.EncodeToString(id[:]) }

// InviteSecret is what the holder of an invite proves to know. It dies at first
// use.
type InviteSecret [16]byte

// Invite lets one node enrol: where the registry is, the root key to pin, and
// a one-time secret.
type Invite struct {
	Address string // host:port
	Root    NodeID
	ID      InviteID
	Secret  InviteSecret
}

// inviteScheme is the scheme of an invite's URL.
const inviteScheme = "paybeacon"

// NewInvite returns an invite with id and secret from random. An address that
// ParseInvite would not take is an *Error with CodeUsage.
func NewInvite(random io.Reader, address string, root NodeID) (Invite, error) {
	if err := checkAddress(address); err != nil {
		return Invite{}, WrapCase(err, CodeUsage, "invite_address", "make invite")
	}
	i := Invite{Address: address, Root: root}
	if _, err := io.ReadFull(random, i.ID[:]); err != nil {
		return Invite{}, fmt.Errorf("make invite: %w", err)
	}
	if _, err := io.ReadFull(random, i.Secret[:]); err != nil {
		return Invite{}, fmt.Errorf("make invite: %w", err)
	}
	return i, nil
}

// String returns the invite as a URL:
// paybeacon://HOST:PORT/enrol?invite=ID&root=FINGERPRINT&secret=SECRET.
func (i Invite) String() string {
	q := url.Values{}
	q.Set("root", i.Root.String())
	q.Set("invite", i.ID.String())
	q.Set("secret", hex.EncodeToString(i.Secret[:]))
	u := url.URL{Scheme: inviteScheme, Host: i.Address, Path: "/enrol", RawQuery: q.Encode()}
	return u.String()
}

// ParseInvite reads the URL written by String, in that one form. An invite that
// pins no root is refused, because it would trust anybody. Its errors are *Error
// with CodeInvite and never repeat the secret.
func ParseInvite(s string) (Invite, error) {
	refuse := func(why string) (Invite, error) {
		return Invite{}, NewCase(CodeInvite, "invite_text", "read invite: "+why)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != inviteScheme || u.Path != "/enrol" || u.User != nil || u.Fragment != "" {
		return refuse("not a URL of the form paybeacon://HOST:PORT/enrol?…")
	}
	if checkAddress(u.Host) != nil {
		return refuse("it names no HOST:PORT")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(q) != 3 {
		return refuse("it holds other fields than root, invite and secret")
	}
	i := Invite{Address: u.Host}
	if i.Root, err = ParseNodeID(q.Get("root")); err != nil || i.Root.IsZero() {
		return refuse("the root fingerprint is not 64 hexadecimal digits")
	}
	id, err := hex.DecodeString(q.Get("invite"))
	if err != nil || len(id) != len(i.ID) {
		return refuse("the invite's number is not 16 hexadecimal digits")
	}
	secret, err := hex.DecodeString(q.Get("secret"))
	if err != nil || len(secret) != len(i.Secret) {
		return refuse("the secret is not 32 hexadecimal digits")
	}
	copy(i.ID[:], id)
	copy(i.Secret[:], secret)
	if i.String() != s {
		return refuse("it is not written as it was printed")
	}
	return i, nil
}

// checkAddress returns nil for a HOST:PORT that can be dialled.
func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("port %q is not 1..65535", port)
	}
	if host == "" {
		return fmt.Errorf("address %q names no host", address)
	}
	return nil
}

// InviteProof proves knowledge of an invite's secret on one TLS connection, for
// one node key: HMAC-SHA256 under the secret over a label, the connection's
// exporter and the key. Compare with hmac.Equal.
func InviteProof(secret InviteSecret, exporter []byte, key PublicKey) [32]byte {
	return proof(secret[:], "paybeacon/1 enrol", exporter, key[:])
}

// proof is HMAC-SHA256 over the parts, each preceded by its length in 32 bits.
func proof(secret []byte, label string, parts ...[]byte) [32]byte {
	h := hmac.New(sha256.New, secret)
	for _, p := range append([][]byte{[]byte(label)}, parts...) {
		n := len(p)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write(p)
	}
	return [32]byte(h.Sum(nil))
}
