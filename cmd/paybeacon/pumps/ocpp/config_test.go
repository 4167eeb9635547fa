package ocpp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/ocpp"
)

// TestConfigErrors names file, line and key of what is wrong, and listens nowhere.
func TestConfigErrors(t *testing.T) {
	t.Parallel()
	const point = "[[charge_point]]\nid = \"A\"\npassword_file = \"password\"\nconnectors = { 1 = 7 }\n"
	for _, c := range []struct {
		name, text string
		line       int
		key        string
	}{
		{"no TOML", "listen = \n", 1, "listen"},
		{"another type", "listen = 7\n" + point, 1, "listen"},
		{"unknown key", "listen = \"127.0.0.1:0\"\n" + point + "colour = \"red\"\n", 6, "charge_point.colour"},
		{"unknown table", "listen = \"127.0.0.1:0\"\n" + point + "[pump]\nnumber = 1\n", 6, "pump"},
		{"no listen", point, 0, "listen"},
		{"no port", "listen = \"127.0.0.1\"\n" + point, 1, "listen"},
		{"port too high", "listen = \"127.0.0.1:65536\"\n" + point, 1, "listen"},
		{"every address without TLS", "\nlisten = \":9000\"\n" + point, 2, "listen"},
		{"another address without TLS", "listen = \"192.0.2.1:9000\"\n" + point, 1, "listen"},
		{"a name without TLS", "listen = \"station.example:9000\"\n" + point, 1, "listen"},
		{"half of TLS", "listen = \":0\"\ntls_cert = \"cert.pem\"\n" + point, 2, "tls_cert"},
		{"no such certificate", "listen = \":0\"\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n" + point, 2, "tls_cert"},
		{"no charge point", "listen = \"127.0.0.1:0\"\n", 0, "charge_point"},
		{"id with a slash", "listen = \"127.0.0.1:0\"\n[[charge_point]]\nid = \"a/b\"\n", 3, "id"},
		{"id of dots", "listen = \"127.0.0.1:0\"\n[[charge_point]]\nid = \"..\"\n", 3, "id"},
		{"no id", "listen = \"127.0.0.1:0\"\n[[charge_point]]\npassword_file = \"password\"\n", 2, "id"},
		{"an id twice", "listen = \"127.0.0.1:0\"\n" + point + strings.Replace(point, "= 7", "= 8", 1), 7, "id"},
		{"no password file", "listen = \"127.0.0.1:0\"\n[[charge_point]]\nid = \"A\"\n", 2, "password_file"},
		{"no such file", "listen = \"127.0.0.1:0\"\n[[charge_point]]\nid = \"A\"\npassword_file = \"none\"\n", 4, "password_file"},
		{"empty password", "listen = \"127.0.0.1:0\"\n[[charge_point]]\nid = \"A\"\npassword_file = \"empty\"\n", 4, "password_file"},
		{"no connectors", "listen = \"127.0.0.1:0\"\n[[charge_point]]\nid = \"A\"\npassword_file = \"password\"\n", 2, "connectors"},
		{"connector 0", "listen = \"127.0.0.1:0\"\n" + strings.Replace(point, "{ 1", "{ 0", 1), 5, "connectors"},
		{"connector 01", "listen = \"127.0.0.1:0\"\n" + strings.Replace(point, "{ 1", "{ 01", 1), 5, "connectors"},
		{"pump 0", "listen = \"127.0.0.1:0\"\n" + strings.Replace(point, "= 7", "= 0", 1), 5, "connectors"},
		{"pump 65543", "listen = \"127.0.0.1:0\"\n" + strings.Replace(point, "= 7", "= 65543", 1), 5, "connectors"},
		{"a pump twice", "listen = \"127.0.0.1:0\"\n" + point + strings.Replace(point, `"A"`, `"B"`, 1), 9, "connectors"},
		{"power of no connector", "listen = \"127.0.0.1:0\"\n" + point + "power_kw = { 2 = 22 }\n", 6, "power_kw"},
		{"power below 0", "listen = \"127.0.0.1:0\"\n" + point + "power_kw = { 1 = -22 }\n", 6, "power_kw"},
		{"power NaN", "listen = \"127.0.0.1:0\"\n" + point + "power_kw = { 1 = nan }\n", 6, "power_kw"},
		{"power too precise", "listen = \"127.0.0.1:0\"\n" + point + "power_kw = { 1 = 7.4001 }\n", 6, "power_kw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "station.toml")
			write(t, filepath.Join(dir, "password"), password)
			write(t, filepath.Join(dir, "empty"), "\n")
			write(t, file, c.text)
			_, err := ocpp.New(ocpp.Options{File: file, Folder: dir})
			wrong, ok := errors.AsType[*pumps.ConfigError](err)
			if !ok {
				t.Fatalf("no such error: %v", err)
			}
			if wrong.File != file || wrong.Line != c.line || wrong.Key != c.key || wrong.Problem == "" {
				t.Errorf("%v", wrong)
			}
			if strings.Contains(err.Error(), password) {
				t.Error("the error holds the password")
			}
		})
	}
	if _, err := ocpp.New(ocpp.Options{File: filepath.Join(t.TempDir(), "none.toml"), Folder: t.TempDir()}); err == nil {
		t.Error("a missing file is one")
	}
}

// TestPowers gives each connector the flow that its power says.
func TestPowers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), password)
	write(t, filepath.Join(dir, "station.toml"), "listen = \"localhost:0\"\n[[charge_point]]\nid = \"A\"\npassword_file = \"password\"\nconnectors = { 1 = 3, 2 = 2, 3 = 1 }\npower_kw = { 1 = 22, 2 = 7.4 }\n")
	s, err := ocpp.New(ocpp.Options{File: filepath.Join(dir, "station.toml"), Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all := s.Pumps()
	if len(all) != 3 || all[0].Flow != 0 || all[1].Flow != 7_400 || all[2].Flow != 22_000 || all[2].Number != 3 {
		t.Fatalf("%+v", all)
	}
}

// TestTLS serves charge points in TLS, and without it none.
func TestTLS(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.stop()
	dir := filepath.Dir(s.options.File)
	roots := makeCertificate(t, dir)
	text, err := os.ReadFile(s.options.File)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.options.File, strings.Replace(string(text), `"127.0.0.1:0"`, "\"0.0.0.0:0\"\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"", 1))
	s.start()
	_, port, err := net.SplitHostPort(s.station.Addr())
	if err != nil {
		t.Fatal(err)
	}
	c, err := dialAt("wss://127.0.0.1:"+port+"/DEPOT-1", "DEPOT-1", password, "ocpp1.6", roots)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c, err := dialAt("ws://127.0.0.1:"+port+"/DEPOT-1", "DEPOT-1", password, "ocpp1.6", roots); err == nil {
		_ = c.Close()
		t.Fatal("let in without TLS")
	}
	if e := s.next(pumps.Back); e.Pump != 7 {
		t.Fatal(e)
	}
}

// makeCertificate writes cert.pem and key.pem for 127.0.0.1 into a folder.
func makeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return roots
}
