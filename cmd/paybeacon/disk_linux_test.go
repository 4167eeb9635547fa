package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// diskEnv makes this test binary the child of TestFullDisk, which sees disks of
// its own.
const diskEnv = "PAYBEACON_TEST_DISKS"

// errNoMount is what the child says when it may not mount anything.
var errNoMount = errors.New("cannot mount a tmpfs here")

// TestFullDisk fills the disks of a registry, a box and a wallet, one after the
// other. Each disk is a tmpfs in a mount namespace that only a child process of
// this test and the nodes it starts are in.
func TestFullDisk(t *testing.T) {
	if os.Getenv(diskEnv) != "" {
		fullDisks(t)
		return
	}
	t.Parallel()
	inOwnNamespaces(t, syscall.CLONE_NEWNS, diskEnv, errNoMount)
}

// inOwnNamespaces runs the calling test in a child process that has namespaces of
// its own and env set. Where none may be made, which the child tells by the words
// of refused, it is skipped, but not in CI.
func inOwnNamespaces(t *testing.T, kinds uintptr, env string, refused error) {
	t.Helper()
	var out []byte
	var err error
	for _, attr := range ownNamespaces(kinds) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), env+"=1")
		cmd.SysProcAttr = attr
		if out, err = cmd.CombinedOutput(); err == nil {
			t.Logf("%s", out)
			return
		}
		if cmd.ProcessState != nil && !strings.Contains(string(out), refused.Error()) {
			t.Fatalf("child: %v\n%s", err, out)
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("no private namespaces: %v\n%s", err, out)
	}
	t.Skipf("no private namespaces: %v\n%s", err, out)
}

// ownNamespaces are the ways to namespaces of one's own: as root, and in a user
// namespace where one is root.
func ownNamespaces(kinds uintptr) []*syscall.SysProcAttr {
	id := func(host int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}}
	}
	return []*syscall.SysProcAttr{
		{Cloneflags: kinds},
		{Cloneflags: kinds | syscall.CLONE_NEWUSER, UidMappings: id(os.Getuid()), GidMappings: id(os.Getgid())},
	}
}

// The sizes of a disk, in MiB: a node needs some 130 to start and some 155 to
// write.
const (
	roomy   = 400
	tooFull = 60 // free, for an idle process to live on and for none to write
)

// disk is a small disk under a node's data directory.
type disk struct {
	w    *world
	path string
}

func (w *world) disk(name string) disk {
	w.t.Helper()
	d := disk{w, w.Data(name)}
	w.must(os.MkdirAll(d.path, 0o700))
	if err := syscall.Mount("tmpfs", d.path, "tmpfs", 0, fmt.Sprintf("size=%dm", roomy)); err != nil {
		w.t.Fatalf("%v: %v", errNoMount, err)
	}
	w.t.Cleanup(func() { _ = syscall.Unmount(d.path, syscall.MNT_DETACH) })
	return d
}

// leave makes the disk so small that this much is free, as if somebody else had
// filled it.
func (d disk) leave(mib int64) {
	d.w.t.Helper()
	var st syscall.Statfs_t
	d.w.must(syscall.Statfs(d.path, &st))
	used := (int64(st.Blocks) - int64(st.Bfree)) * int64(st.Bsize)
	// A size of nothing would mean no limit.
	d.resize(max(used+mib<<20, int64(os.Getpagesize())))
}

// fill leaves too little to write and returns once the node has noticed, which
// takes a moment. verb is a command that needs the store's writer and changes
// nothing.
func (d disk) fill(name, verb string, request any) {
	d.w.t.Helper()
	d.leave(tooFull)
	d.w.must(d.w.Until(name+" notices that its disk is full", func() (bool, error) {
		switch code := pay.CodeOf(d.w.query(name, verb, request, nil)); code {
		case pay.CodeNoSpace:
			return true, nil
		case pay.CodeConflict, pay.CodeDecided, pay.CodeKeyUsed:
			return false, nil
		default:
			return false, fmt.Errorf("%s on %s was answered with %q", verb, name, code)
		}
	}))
}

// makeRoom gives the disk its first size back.
func (d disk) makeRoom() { d.resize(roomy << 20) }

func (d disk) resize(bytes int64) {
	d.w.t.Helper()
	if err := syscall.Mount("", d.path, "", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", bytes)); err != nil {
		d.w.t.Fatalf("make the disk %d bytes: %v", bytes, err)
	}
}

// fullDisks is the child's part.
func fullDisks(t *testing.T) {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("%v: %v", errNoMount, err)
	}
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), worldTimeout)
	s, err := stage.New(ctx, os.Args[0], dir)
	if err != nil {
		t.Fatal(err)
	}
	if s.Exe, err = exec.LookPath("paybeacon"); err != nil {
		t.Fatal(err)
	}
	w := &world{Stage: s, t: t}
	t.Cleanup(func() {
		if t.Failed() {
			w.tellLogs()
		}
		_ = os.RemoveAll(dir)
	})
	disks := map[string]disk{}
	for _, name := range []string{"reg", "box", "ada"} {
		disks[name] = w.disk(name)
	}
	// After the disks' own, so that the nodes end before their disks go.
	t.Cleanup(func() { s.Close(); cancel() })

	w.tooFullToStart(disks["reg"])
	w.startRegistry(nil)
	w.must(w.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe"))
	w.must(w.Enrol("reg", "ada", "wallet", "--role", "wallet", "--name", "ada"))
	w.must(w.Ask(nil, "admin", "topup", "--data", w.Data("reg"), "--wallet", "ada", "--amount", "50.00", "--key", "gift"))
	w.startBox(nil)
	w.must(w.Start("ada", nil, "wallet", "run", "--data", w.Data("ada")))
	_, err = w.Ready("ada")
	w.must(err)
	w.must(w.Pair("ada", "-50", "--interval", "50ms"))
	ended := w.payByHand("before")

	w.registryFull(disks["reg"])
	w.boxFull(disks["box"], ended)
	w.walletFull(disks["ada"], ended)

	w.Stop("reg")
	w.tooFullToStart(disks["reg"])
	w.startRegistry(nil)
	w.payByHand("after")
	if a := w.healthy(); a.Payments != 6 {
		t.Errorf("audit counts %d payments, want 6", a.Payments)
	}
	if money := w.money(); money["Corner Cafe"] != 600 || money["ada"] != 4400 {
		t.Errorf("accounts: %v", money)
	}
}

// tooFullToStart requires that a registry refuses to start on a disk that is
// full, to the last byte or nearly, and leaves it as it is.
func (w *world) tooFullToStart(d disk) {
	w.t.Helper()
	for _, mib := range []int64{0, tooFull} {
		d.leave(mib)
		err := w.Ask(nil, "serve", "--data", d.path, "--listen", "127.0.0.1:0", "--http", "")
		var e *stage.ExitError
		if !errors.As(err, &e) || e.Code != pay.CodeNoSpace || e.Exit != pay.ExitConfig || e.Hint == "" {
			w.t.Fatalf("start with %d MiB free: %v, want %s", mib, err, pay.CodeNoSpace)
		}
		w.t.Logf("with %d MiB free: %v", mib, err)
	}
	d.makeRoom()
}

// refused requires that a command says that there is no space.
func (w *world) refused(what string, args ...string) {
	w.t.Helper()
	var e *stage.ExitError
	if err := w.Ask(nil, args...); !errors.As(err, &e) || e.Code != pay.CodeNoSpace || e.Exit != pay.ExitConfig || e.Hint == "" {
		w.t.Fatalf("%s: %v, want %s", what, err, pay.CodeNoSpace)
	} else {
		w.t.Logf("%s: %v", what, err)
	}
}

// alive requires that nodes run and answer.
func (w *world) alive(names ...string) {
	w.t.Helper()
	for _, name := range names {
		if err := w.query(name, "ready", api.Nothing{}, nil); err != nil || w.ended(name) {
			w.t.Fatalf("%s died (%v)", name, err)
		}
	}
}

func (w *world) payByHand(key string) (id string) {
	w.t.Helper()
	id = w.charge(key).ID
	w.approve(id)
	if p := w.final(id); p.Outcome != pay.OutcomePaid {
		w.t.Fatalf("%s ended %s (%s)", key, p.State, p.Reason)
	}
	return id
}

// approve approves a payment once its offer has come.
func (w *world) approve(id string) {
	w.t.Helper()
	w.must(w.Until("payment "+id[:10]+" can be approved", func() (bool, error) {
		err := w.query("ada", "answer", api.AnswerRequest{ID: id, Verdict: pay.Approve}, nil)
		if pay.CodeOf(err) == pay.CodeNotFound {
			return false, nil
		}
		return err == nil, err
	}))
}

// registryFull fills the registry's disk: nothing new is decided, what is there
// can be read, the nodes keep what they said and say it again ever more seldom,
// and once there is space all of it is decided.
func (w *world) registryFull(d disk) {
	w.t.Helper()
	offered := w.charge("offered before").ID
	w.must(w.Until("it is offered", func() (bool, error) { return w.shown(offered).State == pay.StateOffered, nil }))
	d.fill("reg", "topup", api.TopUpRequest{Wallet: "ada", Amount: "51.00", Key: "gift"})
	w.refused("top up", "admin", "topup", "--data", d.path, "--wallet", "ada", "--amount", "1.00")
	w.refused("invite", "admin", "invite", "--data", d.path, "--role", "wallet", "--name", "eve")
	w.approve(offered)
	waiting := w.charge("while the registry is full").ID
	// A few tries later nothing is lost, decided or dead.
	failures := func(name string) int {
		log, err := os.ReadFile(w.Data(name) + ".log")
		w.must(err)
		return strings.Count(string(log), string(pay.CodeNoSpace))
	}
	for _, name := range []string{"box", "ada"} {
		w.must(w.Until(name+" has tried again", func() (bool, error) { return failures(name) >= 4, nil }))
	}
	if p := w.shown(waiting); p.State != pay.StateRequested || !p.Queued || p.Outcome != pay.OutcomePending {
		w.t.Errorf("while the registry is full a charge is %s, queued %v, %s", p.State, p.Queued, p.Outcome)
	}
	if p := w.shown(offered); p.State != pay.StateOffered {
		w.t.Errorf("while the registry is full the approved offer is %s", p.State)
	}
	w.alive("reg", "box", "ada")
	if a := w.audit(); a.Payments != 2 {
		w.t.Errorf("audit of a full registry counts %d payments, want 2", a.Payments)
	}
	ready, err := http.Get("http://" + w.registry.HTTP + "/readyz")
	w.must(err)
	_ = ready.Body.Close()
	if ready.StatusCode != http.StatusServiceUnavailable {
		w.t.Errorf("/readyz of a full registry says %d", ready.StatusCode)
	}
	d.makeRoom()
	w.approve(waiting)
	for _, id := range []string{offered, waiting} {
		if p := w.final(id); p.Outcome != pay.OutcomePaid {
			w.t.Errorf("with space again %s ended %s (%s)", id[:10], p.State, p.Reason)
		}
	}
	w.t.Logf("the box was refused %d times, ada %d times", failures("box"), failures("ada"))
}

// boxFull fills the box's disk: a charge is refused and leaves nothing behind,
// not even its key; what the registry decides meanwhile arrives afterwards.
func (w *world) boxFull(d disk, ended string) {
	w.t.Helper()
	offered := w.charge("before the box is full").ID
	w.must(w.Until("it is offered", func() (bool, error) { return w.shown(offered).State == pay.StateOffered, nil }))
	var before, after api.List[api.Payment]
	w.must(w.query("box", "list", api.ListRequest{}, &before))
	d.fill("box", "cancel", api.WaitRequest{ID: ended})
	charge := []string{"till", "charge", "--data", d.path, "--amount", "1.00", "--key", "no space"}
	w.refused("charge", charge...)
	w.refused("cancel", "till", "cancel", "--data", d.path, "--id", offered)
	w.approve(offered)
	w.must(w.Until("the registry has captured it", func() (bool, error) { return w.money()["Corner Cafe"] == 400, nil }))
	w.must(w.query("box", "list", api.ListRequest{}, &after))
	if len(after.Items) != len(before.Items) {
		w.t.Errorf("a refused charge left a payment behind: %d, then %d", len(before.Items), len(after.Items))
	}
	if p := w.shown(offered); p.State != pay.StateOffered || p.Outcome != pay.OutcomePending {
		w.t.Errorf("a full box shows %s, %s", p.State, p.Outcome)
	}
	w.alive("reg", "box", "ada")
	d.makeRoom()
	if p := w.final(offered); p.Outcome != pay.OutcomePaid {
		w.t.Errorf("with space again the box shows %s (%s)", p.State, p.Reason)
	}
}

// walletFull fills the wallet's disk: an approval is refused and nothing is
// paid; with space again it goes through.
func (w *world) walletFull(d disk, ended string) {
	w.t.Helper()
	id := w.charge("the wallet is full").ID
	w.must(w.Until("it is pending", func() (bool, error) {
		var p api.Payment
		err := w.query("ada", "show", api.PaymentRef{ID: id}, &p)
		if pay.CodeOf(err) == pay.CodeNotFound {
			return false, nil
		}
		return p.State == pay.StateOffered, err
	}))
	d.fill("ada", "answer", api.AnswerRequest{ID: ended, Verdict: pay.Approve})
	w.refused("approve", "wallet", "approve", "--data", d.path, "--id", id)
	w.refused("decline", "wallet", "decline", "--data", d.path, "--id", id)
	w.alive("reg", "box", "ada")
	if p := w.shown(id); p.State != pay.StateOffered {
		w.t.Errorf("a refused approval made it %s", p.State)
	}
	d.makeRoom()
	w.approve(id)
	if p := w.final(id); p.Outcome != pay.OutcomePaid {
		w.t.Errorf("with space again it ended %s (%s)", p.State, p.Reason)
	}
}
