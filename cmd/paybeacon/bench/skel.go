package bench

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// A skeleton is what a payment costs at least: the signatures, frames and commits of
// the real one and nothing else, neither rules nor accounts nor feeds.
//
//	box      -- request, signed -->  registry   verifies, signs an offer, commits two rows
//	wallet  <-- offer ------------   registry
//	wallet   -- answer, signed --->  registry   verifies, signs a capture, commits two rows
//	both    <-- capture ----------   registry
//
// Its store is a file to which rows are appended, with one flush for all that wait.
// The registry is a process of its own, so that its CPU time can be told.

// skelFrame is a frame: the payment, its wallet, who says what, and the signed text.
//
//	length 4 | kind 1 | wallet 1 | payment 8 | text skelTextBytes | signature 64
type skelFrame [4 + skelBodyBytes]byte

const (
	skelTextBytes = 300 // about a request or a decision
	skelBodyBytes = 10 + skelTextBytes + ed25519.SignatureSize
	// skelAccepts is how many loops accept. Chosen: as the real registry's.
	skelAccepts = 16
	// skelQueue is how many commits may wait. Chosen: above all payments in flight.
	skelQueue = 1_024
)

// The kinds of frames, in the order of a payment.
const (
	skelHello byte = iota
	skelRequest
	skelOffer
	skelAnswer
	skelCapture
)

func newSkelFrame(kind, wallet byte, payment uint64, by ed25519.PrivateKey) *skelFrame {
	f := &skelFrame{}
	binary.BigEndian.PutUint32(f[:], skelBodyBytes)
	f[4], f[5] = kind, wallet
	binary.BigEndian.PutUint64(f[6:], payment)
	copy(f[14+skelTextBytes:], ed25519.Sign(by, f[4:14+skelTextBytes]))
	return f
}

func (f *skelFrame) kind() byte      { return f[4] }
func (f *skelFrame) wallet() int     { return int(f[5]) }
func (f *skelFrame) payment() uint64 { return binary.BigEndian.Uint64(f[6:]) }

func (f *skelFrame) verify(key ed25519.PublicKey) error {
	if !ed25519.Verify(key, f[4:14+skelTextBytes], f[14+skelTextBytes:]) {
		return errors.New("a signature does not verify")
	}
	return nil
}

func readSkelFrame(r io.Reader) (*skelFrame, error) {
	f := &skelFrame{}
	if _, err := io.ReadFull(r, f[:]); err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint32(f[:]) != skelBodyBytes {
		return nil, errors.New("a frame of another length")
	}
	return f, nil
}

// The parties of a skeleton, by the seeds of their keys.
const (
	skelRoot byte = iota + 1
	skelWorking
	skelBox
	skelWallet // and those after it
)

func skelKey(party byte) (ed25519.PrivateKey, pay.Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = party
	key, err := pay.KeyFromSeed(seed)
	return ed25519.NewKeyFromSeed(seed), key, err
}

// skelPeer is a connection of a skeleton. Frames go out one at a time.
type skelPeer struct {
	paysync.Conn
	mu sync.Mutex
}

func (p *skelPeer) send(f *skelFrame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := p.Write(f[:])
	return err
}

// skelServer is the registry of a skeleton.
type skelServer struct {
	key     ed25519.PrivateKey
	clients [skelWallet + shopWallets]ed25519.PublicKey
	peers   [skelWallet + shopWallets]atomic.Pointer[skelPeer]
	commits chan skelCommit
	rows    map[uint64]byte
	log     *os.File
}

// skelCommit is two rows and what is done once they are durable.
type skelCommit struct {
	came, made *skelFrame
	done       func() error
}

// serveSkel runs the registry of a skeleton in dir until the input ends, and tells
// where it listens.
func serveSkel(c *cli.Call, dir string) error {
	root, rootKey, err1 := skelKey(skelRoot)
	working, workingKey, err2 := skelKey(skelWorking)
	authority, err3 := pay.Sign(rootKey, pay.Authority{Root: rootKey.Public(), Working: workingKey.Public(), From: 0, Until: 1 << 47})
	log, err4 := os.Create(filepath.Join(dir, "skel.log"))
	socket, err5 := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	_ = root
	s := &skelServer{key: working, commits: make(chan skelCommit, skelQueue), rows: map[uint64]byte{}, log: log}
	defer func() { _ = log.Close() }()
	for i := range s.clients {
		key, _, err := skelKey(byte(i))
		if err != nil {
			return err
		}
		s.clients[i] = key.Public().(ed25519.PublicKey)
	}
	l, err := quicnet.Listen(quicnet.ListenOptions{Socket: socket, Key: workingKey, Authority: authority.Raw()})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(c.Out, l.Addr()); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(c.Ctx)
	var all sync.WaitGroup
	all.Go(func() { s.commit(ctx) })
	for range skelAccepts {
		all.Go(func() {
			for {
				conn, err := l.Accept(ctx)
				if err != nil {
					return
				}
				all.Go(func() { s.serve(ctx, conn) })
			}
		})
	}
	_, _ = io.Copy(io.Discard, c.In) // until whoever started this process has ended or wants no more
	stop()
	err = l.Close()
	all.Wait()
	return err
}

// serve reads what one client sends. Its first frame says who it is.
func (s *skelServer) serve(ctx context.Context, conn paysync.Conn) {
	defer conn.Close(paysync.CloseDone)
	if conn.Open(ctx) != nil {
		return
	}
	r := bufio.NewReader(conn)
	p := &skelPeer{Conn: conn}
	who := -1
	for ctx.Err() == nil {
		f, err := readSkelFrame(r)
		if err != nil {
			return
		}
		if f.kind() == skelHello {
			if who = f.wallet(); who >= len(s.peers) {
				return
			}
			s.peers[who].Store(p)
			if p.send(f) != nil { // who has its own greeting back is known
				return
			}
			continue
		}
		if who < 0 || f.wallet() >= shopWallets || f.verify(s.clients[who]) != nil {
			return
		}
		wallet := &s.peers[int(skelWallet)+f.wallet()]
		made := newSkelFrame(f.kind()+1, f[5], f.payment(), s.key)
		s.commits <- skelCommit{f, made, func() error {
			if to := wallet.Load(); to != nil {
				if err := to.send(made); err != nil {
					return err
				}
			}
			if made.kind() == skelCapture {
				return s.peers[skelBox].Load().send(made)
			}
			return nil
		}}
	}
}

// commit writes the rows of all commits that wait and flushes them once.
func (s *skelServer) commit(ctx context.Context) {
	var batch []skelCommit
	var buf []byte
	for {
		select {
		case c := <-s.commits:
			batch = append(batch[:0], c)
		case <-ctx.Done():
			return
		}
		for more := true; more; {
			select {
			case c := <-s.commits:
				batch = append(batch, c)
			default:
				more = false
			}
		}
		buf = buf[:0]
		for _, c := range batch {
			s.rows[c.came.payment()] = c.made.kind()
			buf = append(append(buf, c.came[:]...), c.made[:]...)
		}
		if _, err := s.log.Write(buf); err != nil || flush(s.log) != nil {
			return
		}
		for _, c := range batch {
			if c.done() != nil {
				return
			}
		}
	}
}
