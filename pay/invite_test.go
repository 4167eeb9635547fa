package pay_test

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

func testInvite(t testing.TB) pay.Invite {
	t.Helper()
	var random [24]byte
	for i := range random {
		random[i] = byte(i)
	}
	i, err := pay.NewInvite(bytes.NewReader(random[:]), "registry.example:7443", keyOf(t, rootSeed).ID())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestInviteIsOneURL(t *testing.T) {
	t.Parallel()
	i := testInvite(t)
	const want = "paybeacon://registry.example:7443/enrol?invite=0001020304050607" +
		"&root=8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394&secret=08090a0b0c0d0e0f1011121314151617"
	if i.String() != strings.ReplaceAll(want, "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394", i.Root.String()) {
		t.Errorf("%s", i)
	}
	if i.ID.String() != "0001020304050607" {
		t.Errorf("id %s", i.ID)
	}
	u, err := url.Parse(i.String())
	if err != nil || u.Scheme != "paybeacon" || u.Host != i.Address || u.Path != "/enrol" || len(u.Query()) != 3 {
		t.Errorf("%v, %v", u, err)
	}
}

func TestInvitesReadBackWhatTheyWrite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		i, err := pay.NewInvite(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 24, 24).Draw(r, "random")),
			rapid.SampledFrom([]string{"127.0.0.1:1", "[::1]:65535", "[fe80::1%eth0]:7443", "Registry.example:7443", "münchen.example:80"}).Draw(r, "address"),
			pay.NodeID(rapid.SliceOfN(rapid.ByteMin(1), 32, 32).Draw(r, "root")))
		if err != nil {
			r.Fatal(err)
		}
		if back, err := pay.ParseInvite(i.String()); err != nil || back != i {
			r.Fatalf("%s reads as %+v, %v", i, back, err)
		}
	})
}

func TestInvitesThatAreNone(t *testing.T) {
	t.Parallel()
	i := testInvite(t)
	good, secret := i.String(), "08090a0b0c0d0e0f1011121314151617"
	swap := func(old, new string) string {
		s := strings.Replace(good, old, new, 1)
		if s == good {
			t.Fatalf("%q is not in %s", old, good)
		}
		return s
	}
	for name, s := range map[string]string{
		"empty": "", "no URL": "\x7f://", "a word": "hello", "host alone": "paybeacon://nowhere",
		"another scheme":         swap("paybeacon://", "https://"),
		"scheme in capitals":     swap("paybeacon://", "PAYBEACON://"),
		"opaque":                 swap("paybeacon://", "paybeacon:"),
		"no port":                swap(":7443", ""),
		"empty port":             swap(":7443", ":"),
		"port 0":                 swap(":7443", ":0"),
		"port too large":         swap(":7443", ":65536"),
		"port with a zero":       swap(":7443", ":07443x"),
		"port no number":         swap(":7443", ":https"),
		"no host":                swap("registry.example", ""),
		"a user":                 swap("registry.example", "root@registry.example"),
		"another path":           swap("/enrol", "/enroll"),
		"a path that is escaped": swap("/enrol", "/enro%6c"),
		"a fragment":             good + "#x",
		"an empty fragment":      good + "#",
		"a field more":           good + "&role=box",
		"a field twice":          good + "&secret=" + secret,
		"a field less":           swap("&secret="+secret, ""),
		"another field":          swap("secret=", "password="),
		"a semicolon":            swap("&secret", ";secret"),
		"root short":             swap("root=", "root=&x="),
		"root no digits":         swap("root="+i.Root.String()[:2], "root=zz"),
		"root in capitals":       swap(i.Root.String(), strings.ToUpper(i.Root.String())),
		"no root pinned":         swap(i.Root.String(), strings.Repeat("0", 64)),
		"number short":           swap("invite=00", "invite="),
		"number long":            swap("invite=00", "invite=0000"),
		"number no digits":       swap("invite=00", "invite=xy"),
		"secret short":           swap(secret, secret[2:]),
		"secret long":            swap(secret, secret+"00"),
		"secret no digits":       swap(secret, "zz"+secret[2:]),
		"secret in capitals":     swap(secret, strings.ToUpper(secret)),
		"fields in another order": "paybeacon://registry.example:7443/enrol?secret=" + secret + "&root=" + i.Root.String() +
			"&invite=0001020304050607",
		"a space behind": good + " ", "a newline behind": good + "\n", "a dot": good + ".",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := pay.ParseInvite(s)
			var shown *pay.Error
			if !errors.As(err, &shown) || shown.Code != pay.CodeInvite || shown.Case == "" || got != (pay.Invite{}) {
				t.Errorf("%q: %+v, %v", s, got, err)
			}
			if err != nil && (strings.Contains(err.Error(), secret[:8]) || strings.Contains(err.Error(), strings.ToUpper(secret[:8]))) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	for n := range good {
		if got, err := pay.ParseInvite(good[:n]); err == nil {
			t.Errorf("the first %d characters read as %+v", n, got)
		}
	}
}

func TestNewInviteRefuses(t *testing.T) {
	t.Parallel()
	random := make([]byte, 24)
	for _, address := range []string{"", "registry", "registry:", ":7443", "registry:0", "registry:65536", "registry:-1", "registry:http", "::1:7443"} {
		if _, err := pay.NewInvite(bytes.NewReader(random), address, pay.NodeID{1}); pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%q: %v", address, err)
		}
	}
	for _, n := range []int{0, 7, 8, 23} {
		if i, err := pay.NewInvite(bytes.NewReader(random[:n]), "a:1", pay.NodeID{1}); (!errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)) || i != (pay.Invite{}) {
			t.Errorf("%d random bytes: %v", n, err)
		}
	}
}

// A proof holds for one secret, one connection and one key.
func TestInviteProofBindsEverything(t *testing.T) {
	t.Parallel()
	secret, exporter, key := pay.InviteSecret{1}, []byte{2, 3}, pay.PublicKey{4}
	proof := pay.InviteProof(secret, exporter, key)
	for name, other := range map[string][32]byte{
		"secret":   pay.InviteProof(pay.InviteSecret{9}, exporter, key),
		"exporter": pay.InviteProof(secret, []byte{2, 9}, key),
		"key":      pay.InviteProof(secret, exporter, pay.PublicKey{9}),
		"border":   pay.InviteProof(secret, append(exporter, 4), pay.PublicKey{}),
		"none":     pay.InviteProof(secret, nil, key),
	} {
		if other == proof {
			t.Errorf("%s: the same proof", name)
		}
	}
}
