package ocpp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// station is what the file describes.
type station struct {
	listen string
	cert   *tls.Certificate // nil: no TLS
	points []pointConfig
}

// pointConfig is one charge point.
type pointConfig struct {
	id         string
	password   []byte
	connectors []connectorConfig
}

// connectorConfig is one connector of a charge point: a pump.
type connectorConfig struct {
	connector int
	pump      pay.PumpNumber
	flow      pay.Quantity // Wh in an hour; 0: not known
}

// tomlFile is the file as TOML says it.
type tomlFile struct {
	Listen string      `toml:"listen"`
	Cert   string      `toml:"tls_cert"`
	Key    string      `toml:"tls_key"`
	Points []tomlPoint `toml:"charge_point"`
}

type tomlPoint struct {
	ID           string           `toml:"id"`
	PasswordFile string           `toml:"password_file"`
	Connectors   map[string]int64 `toml:"connectors"`
	Power        map[string]any   `toml:"power_kw"`
}

// reader reads one file, and finds the lines of what is wrong in it.
type reader struct {
	name string
	text string
}

// readStation reads the file of a station: TOML with
//
//	listen = "127.0.0.1:9000"   # off loopback only with TLS
//	tls_cert = "cert.pem"       # both or neither
//	tls_key = "key.pem"
//	[[charge_point]]
//	id = "DEPOT-1"
//	password_file = "depot-1.password"
//	connectors = { 1 = 7 }      # connector = pump
//	power_kw = { 1 = 22 }       # the most that a connector gives; may be left out
//
// Files are named from the folder of this one. Each error is a *pumps.ConfigError.
func readStation(name string) (station, error) {
	text, err := readBounded(name, configBytesMax)
	if err != nil {
		return station{}, &pumps.ConfigError{File: name, Problem: err.Error()}
	}
	r := reader{name, string(text)}
	var f tomlFile
	meta, err := toml.Decode(r.text, &f)
	if err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return station{}, &pumps.ConfigError{File: name, Line: p.Position.Line, Key: p.LastKey, Problem: p.Message}
		}
		// A value of another type is told as text alone.
		wrong := &pumps.ConfigError{File: name, Problem: err.Error()}
		if n, _ := fmt.Sscanf(wrong.Problem, "toml: line %d (last key %q):", &wrong.Line, &wrong.Key); n == 2 {
			_, wrong.Problem, _ = strings.Cut(wrong.Problem, "): ")
		}
		return station{}, wrong
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		return station{}, &pumps.ConfigError{File: name, Line: r.anyLine(key[len(key)-1]), Key: key.String(), Problem: "there is no such key"}
	}
	return r.station(f)
}

func (r reader) station(f tomlFile) (station, error) {
	s := station{listen: f.Listen}
	if err := r.network(f, &s); err != nil {
		return station{}, err
	}
	if len(f.Points) == 0 || len(f.Points) > pointsMax {
		return station{}, r.fail(-1, "charge_point", "a station has 1..%d charge points, not %d", pointsMax, len(f.Points))
	}
	taken := map[pay.PumpNumber]bool{}
	for i, p := range f.Points {
		c, err := r.point(i, p, taken)
		if err != nil {
			return station{}, err
		}
		if slices.ContainsFunc(s.points, func(o pointConfig) bool { return o.id == c.id }) {
			return station{}, r.fail(i, "id", "charge point %q stands here twice", c.id)
		}
		s.points = append(s.points, c)
	}
	return s, nil
}

// network checks where the station listens, and that passwords travel in TLS unless they
// stay on this machine.
func (r reader) network(f tomlFile, s *station) error {
	host, port, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return r.fail(-1, "listen", "it is no HOST:PORT")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return r.fail(-1, "listen", "%q is no port", port)
	}
	switch ip := net.ParseIP(host); {
	case (f.Cert == "") != (f.Key == ""):
		return r.fail(-1, "tls_cert", "tls_cert and tls_key stand together or not at all")
	case f.Cert != "":
		cert, err := tls.LoadX509KeyPair(r.beside(f.Cert), r.beside(f.Key))
		if err != nil {
			return r.fail(-1, "tls_cert", "certificate and key cannot be used: %v", err)
		}
		s.cert = &cert
	case host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return r.fail(-1, "listen", "%s is not on loopback, so passwords need TLS: set tls_cert and tls_key", f.Listen)
	}
	return nil
}

// isPointID reports whether a charge point may be called that: its name is a part of the
// address that it dials and a user's name, so it holds neither a slash nor a colon.
// Published: OCPP-J 1.6, 3.1.1.
func isPointID(id string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-"
	return id != "" && len(id) <= pointIDMax && strings.Trim(id, letters) == "" && strings.Trim(id, ".") != ""
}

func (r reader) point(i int, p tomlPoint, taken map[pay.PumpNumber]bool) (pointConfig, error) {
	c := pointConfig{id: p.ID}
	if !isPointID(p.ID) {
		return c, r.fail(i, "id", "it is made of 1..%d letters, digits, dots, hyphens, tildes and underscores", pointIDMax)
	}
	if p.PasswordFile == "" {
		return c, r.fail(i, "password_file", "it is missing")
	}
	password, err := readBounded(r.beside(p.PasswordFile), passwordBytesMax+2)
	if err != nil {
		return c, r.fail(i, "password_file", "%v", err)
	}
	c.password = bytes.TrimRight(password, "\r\n")
	if len(c.password) == 0 || len(c.password) > passwordBytesMax || bytes.ContainsAny(c.password, "\r\n\x00") {
		return c, r.fail(i, "password_file", "the password is one line of 1..%d bytes", passwordBytesMax)
	}
	if len(p.Connectors) == 0 || len(p.Connectors) > connectorsMax {
		return c, r.fail(i, "connectors", "a charge point has 1..%d connectors", connectorsMax)
	}
	for name, pump := range p.Connectors {
		one := connectorConfig{pump: pay.PumpNumber(pump)}
		if one.connector, err = strconv.Atoi(name); err != nil || one.connector < 1 || one.connector > connectorsMax || strconv.Itoa(one.connector) != name {
			return c, r.fail(i, "connectors", "connector %q is outside 1..%d", name, connectorsMax)
		}
		if pump < 1 || pump > int64(pay.PumpNumberMax) {
			return c, r.fail(i, "connectors", "pump %d is outside 1..%d", pump, pay.PumpNumberMax)
		}
		if taken[one.pump] {
			return c, r.fail(i, "connectors", "pump %d is another connector already", pump)
		}
		taken[one.pump] = true
		if power, ok := p.Power[name]; ok {
			if one.flow, err = kilowatts(power); err != nil {
				return c, r.fail(i, "power_kw", "%v", err)
			}
		}
		c.connectors = append(c.connectors, one)
	}
	for name := range p.Power {
		if _, ok := p.Connectors[name]; !ok {
			return c, r.fail(i, "power_kw", "there is no connector %q", name)
		}
	}
	slices.SortFunc(c.connectors, func(a, b connectorConfig) int { return a.connector - b.connector })
	return c, nil
}

// kilowatts reads a power of up to three decimals as the Wh that it gives in an hour.
func kilowatts(v any) (pay.Quantity, error) {
	var text string
	switch v := v.(type) {
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		text = v
	}
	q, exact := wattHours(text, "kWh")
	if !exact || q <= 0 || q > powerMax {
		return 0, fmt.Errorf("a power of %v kW is outside 0.001..%d, or has more than three decimals", v, powerMax/1000)
	}
	return q, nil
}

// beside returns a file's path from the folder of this one.
func (r reader) beside(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.name), path)
}

// fail returns what is wrong with a key of a charge point, by its place in the file, or
// with a key at the top, where the place is -1.
func (r reader) fail(point int, key, problem string, a ...any) error {
	return &pumps.ConfigError{File: r.name, Line: r.line(point, key), Key: key, Problem: fmt.Sprintf(problem, a...)}
}

// line returns where a key of a charge point stands: its own line, or where the charge
// point begins; 0: nowhere.
func (r reader) line(point int, key string) int {
	at, begun := -1, 0
	for i, line := range strings.Split(r.text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "[[") && strings.Contains(line, "charge_point"):
			if at++; at == point {
				begun = i + 1
			}
		case at == point && isKey(line, key):
			return i + 1
		}
	}
	return begun
}

// anyLine returns the first line that sets a key anywhere.
func (r reader) anyLine(key string) int {
	for i, line := range strings.Split(r.text, "\n") {
		if line = strings.TrimSpace(line); isKey(line, key) || strings.HasPrefix(strings.Trim(line, "[]"), key) {
			return i + 1
		}
	}
	return 0
}

// isKey reports whether a line of TOML sets a key.
func isKey(line, key string) bool {
	name, _, found := strings.Cut(line, "=")
	return found && strings.Trim(name, " \t\"'") == key
}

// readBounded reads a whole file that is not longer than a limit.
func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is longer than %d bytes", name, most)
	}
	return data, err
}
