package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/paybeacon/paybeacon/pay"
)

// ChargePoint is a charge point with one connector, which speaks OCPP 1.6-J over a
// websocket of its own, by the specification alone: it shares no code with the box that it
// connects to. Its meter counts all that it ever gave, as real ones do. Its methods are
// called by one goroutine at a time.
type ChargePoint struct {
	conn    *websocket.Conn
	answers chan []json.RawMessage // to its own calls
	starts  chan string            // the tags of remote starts
	gone    chan struct{}          // closed when the connection has ended
	writing sync.Mutex
	calls   int

	register    pay.Quantity // what the meter reads, in Wh
	transaction int          // that runs, or 0
	begun       time.Time
}

const (
	// pointTimeout is how long the box may take to answer. Chosen: many times what a
	// loaded machine takes.
	pointTimeout = 10 * time.Second
	// pointPower is what the connector gives, in Wh in an hour. Chosen: a megawatt
	// charger, so that a story need not last.
	pointPower = 3_600_000
	// pointRegister is what the meter has counted before. Chosen: some years' worth.
	pointRegister = 910_000
)

// DialChargePoint connects a charge point to a box at addr, HOST:PORT, and says that it has
// started. Close ends it.
func DialChargePoint(ctx context.Context, addr, id, password string) (*ChargePoint, error) {
	head := http.Header{}
	r := http.Request{Header: head}
	r.SetBasicAuth(id, password)
	d := websocket.Dialer{Subprotocols: []string{"ocpp1.6"}, HandshakeTimeout: pointTimeout}
	conn, answer, err := d.DialContext(ctx, "ws://"+addr+"/"+url.PathEscape(id), head)
	if err != nil {
		return nil, fmt.Errorf("connect the charge point: %w", err)
	}
	_ = answer.Body.Close()
	c := &ChargePoint{
		conn: conn, answers: make(chan []json.RawMessage, 1), starts: make(chan string, 1), gone: make(chan struct{}), register: pointRegister,
	}
	go c.read()
	var boot struct {
		Status string `json:"status"`
	}
	err = c.call(&boot, "BootNotification", map[string]any{"chargePointVendor": "paybeacon", "chargePointModel": "demo"})
	if err == nil && boot.Status != "Accepted" {
		err = fmt.Errorf("the charge point is not accepted: %q", boot.Status)
	}
	if err == nil {
		err = c.status("Available")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close drops the connection.
func (c *ChargePoint) Close() {
	_ = c.conn.Close()
	<-c.gone
}

// Plug puts the cable into a car.
func (c *ChargePoint) Plug() error { return c.status("Preparing") }

// Begin waits until the box starts a charge from afar, and begins to give.
func (c *ChargePoint) Begin(ctx context.Context) error {
	var tag string
	select {
	case tag = <-c.starts:
	case <-c.gone:
		return errors.New("the box hung up on the charge point")
	case <-ctx.Done():
		return fmt.Errorf("wait for a remote start: %w", ctx.Err())
	}
	var started struct {
		Transaction int `json:"transactionId"`
		Tag         struct {
			Status string `json:"status"`
		} `json:"idTagInfo"`
	}
	c.begun = time.Now()
	err := c.call(&started, "StartTransaction", map[string]any{"connectorId": 1, "idTag": tag, "meterStart": c.register, "timestamp": stamp(c.begun)})
	if err == nil && started.Tag.Status != "Accepted" {
		err = fmt.Errorf("the charge is not accepted: %q", started.Tag.Status)
	}
	c.transaction = started.Transaction
	return err
}

// Meter tells the box what the meter reads, and returns what was given so far in Wh.
func (c *ChargePoint) Meter() (pay.Quantity, error) {
	now := time.Now()
	given := c.given(now)
	value := []any{map[string]any{"value": strconv.Itoa(int(c.register + given)), "unit": "Wh"}}
	return given, c.call(nil, "MeterValues", map[string]any{
		"connectorId": 1, "transactionId": c.transaction, "meterValue": []any{map[string]any{"timestamp": stamp(now), "sampledValue": value}},
	})
}

// Unplug ends the charge, and returns what was given in Wh.
func (c *ChargePoint) Unplug() (pay.Quantity, error) {
	now := time.Now()
	given := c.given(now)
	c.register += given
	err := c.call(nil, "StopTransaction", map[string]any{"transactionId": c.transaction, "meterStop": c.register, "timestamp": stamp(now)})
	return given, errors.Join(err, c.status("Available"))
}

func (c *ChargePoint) given(now time.Time) pay.Quantity {
	return pay.Quantity(now.Sub(c.begun).Milliseconds() * pointPower / time.Hour.Milliseconds())
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func (c *ChargePoint) status(s string) error {
	return c.call(nil, "StatusNotification", map[string]any{"connectorId": 1, "errorCode": "NoError", "status": s})
}

// read takes in what the box says until the connection ends.
func (c *ChargePoint) read() {
	defer close(c.gone)
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		var parts []json.RawMessage
		if json.Unmarshal(data, &parts) != nil || len(parts) < 3 {
			continue
		}
		if string(parts[0]) == "2" {
			c.asked(parts)
			continue
		}
		select {
		case c.answers <- parts:
		default: // to a call that has given up
		}
	}
}

// asked does what the box asks for, as far as a story needs it.
func (c *ChargePoint) asked(parts []json.RawMessage) {
	var action string
	var start struct {
		Tag string `json:"idTag"`
	}
	if len(parts) < 4 || json.Unmarshal(parts[2], &action) != nil || action != "RemoteStartTransaction" || json.Unmarshal(parts[3], &start) != nil {
		_ = c.write(fmt.Appendf(nil, `[4,%s,"NotSupported","",{}]`, parts[1]))
		return
	}
	if c.write(fmt.Appendf(nil, `[3,%s,{"status":"Accepted"}]`, parts[1])) == nil {
		select {
		case c.starts <- start.Tag:
		default: // one waits already
		}
	}
}

func (c *ChargePoint) write(frame []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.conn.WriteMessage(websocket.TextMessage, frame)
}

// call asks the box for something, and decodes its answer.
func (c *ChargePoint) call(out any, action string, payload map[string]any) error {
	c.calls++
	id := strconv.Itoa(c.calls)
	frame, err := json.Marshal([]any{2, id, action, payload})
	if err == nil {
		err = c.write(frame)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	late := time.After(pointTimeout)
	for {
		select {
		case parts := <-c.answers:
			switch {
			case strings.Trim(string(parts[1]), `"`) != id:
			case string(parts[0]) != "3":
				return fmt.Errorf("%s: the box refuses: %s", action, parts[2])
			case out == nil:
				return nil
			default:
				return json.Unmarshal(parts[2], out)
			}
		case <-c.gone:
			return fmt.Errorf("%s: the box hung up", action)
		case <-late:
			return fmt.Errorf("%s: the box does not answer", action)
		}
	}
}
