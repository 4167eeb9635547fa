//go:build vm && linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRadio is the host's half of `make test-radio`: it boots a virtual machine
// with Debian's kernel and bluetoothd, in which this same test binary runs
// TestGuest with the real program, and tells what that measured, a check a
// line. It needs no root, no network once the packages are there, and no
// Bluetooth.

var (
	vmRun     = flag.String("vm.run", "", "run only the checks of the virtual machine that match this")
	vmConsole = flag.Bool("vm.console", false, "show the console of the virtual machine at the end")
	vmTurns   = flag.Int("vm.rotations", 10_000, "how often the code is changed in the check of that name")
	vmUpdate  = flag.Bool("vm.update", false, "keep what the virtual controllers recorded in testdata/capture")
)

const (
	// vmTimeout ends a machine that hangs. A run takes minutes on two idle
	// cores; the cores may be busy.
	vmTimeout  = 35 * time.Minute
	vmMemoryMB = 1536
	vmCPUs     = 2
)

func TestRadio(t *testing.T) {
	if os.Getenv(guestEnv) != "" {
		t.Skip("this is the virtual machine; TestGuest runs here")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the virtual machine is made for amd64 only")
	}
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		t.Fatal("qemu-system-x86_64 is missing, which runs the virtual machine: install qemu-system-x86 (.ci/run does)")
	}
	ctx, cancel := context.WithTimeout(t.Context(), vmTimeout)
	defer cancel()
	began := time.Now()
	image, fresh, err := makeImage(ctx, vmCache(t))
	if err != nil {
		t.Fatal(err)
	}
	how := "kept"
	if fresh {
		how = "made anew"
	}
	tell("image  %s (%s, %.1f s)", image.about, how, time.Since(began).Seconds())

	work := t.TempDir()
	initrd := filepath.Join(work, "initrd")
	began = time.Now()
	if err := layOver(ctx, image.tree, work, initrd); err != nil {
		t.Fatal(err)
	}
	tell("build  paybeacon and the checks, static (%.1f s)", time.Since(began).Seconds())

	m := &vmMachine{t: t, work: work, began: time.Now()}
	m.run(ctx, qemu, image.kernel, initrd)
	if *vmUpdate {
		m.keepCaptures()
	}
}

// tell prints a line at once: `go test` shows it while it waits.
func tell(format string, args ...any) { _, _ = fmt.Fprintf(os.Stdout, format+"\n", args...) }

// vmCache is where packages and image are kept.
func vmCache(t *testing.T) string {
	dir, err := os.UserCacheDir()
	if err == nil {
		return filepath.Join(dir, "paybeacon-vm")
	}
	if dir, err = filepath.Abs("../../bin/vm"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// vmOwn are the files of the recipe and where they go. They are laid over the
// image each time, as the programs are.
var vmOwn = map[string]string{
	"introspect.conf": "etc/dbus-1/system.d/introspect.conf",
	"init":            "init", "as-till": "bin/as-till", "main.conf": "etc/bluetooth/main.conf", "passwd": "etc/passwd", "group": "etc/group",
}

// layOver builds the programs and writes the image's tree with them in it.
func layOver(ctx context.Context, tree, work, initrd string) error {
	flags := fmt.Sprintf("-test.timeout=%v -vm.rotations=%d", vmTimeout, *vmTurns)
	if *vmRun != "" {
		flags += " -test.run=^TestGuest$/(" + *vmRun + ")"
	}
	over := files{"radio/flags": {data: []byte(flags), mode: 0o644}}
	for name, to := range vmOwn {
		raw, err := os.ReadFile(filepath.Join(vmRecipe, name))
		if err != nil {
			return err
		}
		over[to] = file{data: raw, mode: 0o755}
	}
	for name, build := range map[string][]string{
		"paybeacon":  {"build", "-trimpath"},
		"radio.test": {"test", "-c", "-tags", "vm"},
	} {
		out := filepath.Join(work, name)
		cmd := exec.CommandContext(ctx, "go", append(build, "-ldflags", "-s -w", "-o", out, ".")...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, said)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			return err
		}
		over["radio/"+name] = file{data: data, mode: 0o755}
	}
	// Archives may follow one another.
	to, err := os.Create(initrd)
	if err != nil {
		return err
	}
	from, err := os.Open(tree)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	if _, err := to.Write(over.archive()); err != nil {
		return err
	}
	return to.Close()
}

// accelerator is kvm only where the processor itself shows that it can: a
// /dev/kvm alone may be software, which is far slower than tcg.
func accelerator() (accel, cpu string) {
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err == nil && regexp.MustCompile(`\b(svm|vmx)\b`).Match(cpuinfo) {
		if kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err == nil {
			_ = kvm.Close()
			return "kvm", "host"
		}
	}
	return "tcg", "Nehalem" // later ones have wide registers, which tcg is slow at
}

// vmMachine is the virtual machine and what it has said so far.
type vmMachine struct {
	t       *testing.T
	work    string
	began   time.Time
	check   string // that runs now
	said    []string
	loose   []string // said outside any check
	checked int
	ended   bool
}

// run boots the machine and follows it until it is off.
func (m *vmMachine) run(ctx context.Context, qemu, kernel, initrd string) {
	accel, cpu := accelerator()
	console, captures := filepath.Join(m.work, "console"), m.captures()
	cmd := exec.CommandContext(ctx, qemu, "-accel", accel, "-cpu", cpu, "-M", "pc", "-smp", fmt.Sprint(vmCPUs), "-m", fmt.Sprint(vmMemoryMB),
		"-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
		"-append", "console=ttyS0 quiet panic=-1 reboot=t,force random.trust_cpu=on mitigations=off cryptomgr.notests=1",
		"-serial", "file:"+console, "-serial", "stdio", "-serial", "file:"+captures)
	// A test that is killed takes its machine along. The kernel watches the
	// thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		m.hear(strings.Trim(lines.Text(), "\r"+frameMark), accel)
	}
	err = cmd.Wait()
	noise, _ := os.ReadFile(console)
	if bad := regexp.MustCompile(`(?m)^.*(Kernel panic|Oops|BUG:|general protection).*$`).FindAllString(string(noise), -1); bad != nil {
		m.t.Errorf("the kernel says:\n%s", strings.Join(bad, "\n"))
	}
	if *vmConsole {
		m.t.Logf("console:\n%s", noise)
	}
	if !m.ended || m.checked == 0 {
		m.t.Errorf("the machine ended in %q after %d checks (%v) %s\n%s\nconsole:\n%s",
			m.check, m.checked, err, &stderr, strings.Join(append(m.loose, m.said...), "\n"), noise)
	}
}

func (m *vmMachine) captures() string { return filepath.Join(m.work, "captures") }

var (
	checkBegins = regexp.MustCompile(`^=== RUN +TestGuest/([^/]+)$`)
	checkEnds   = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): TestGuest/([^/]+) \(([0-9.]+)s\)$`)
	saysNumber  = regexp.MustCompile(`^ *[a-z_]+_test\.go:[0-9]+: measured: (.*)$`)
	guestEnds   = regexp.MustCompile(`^guest ended: ([0-9]+)$`)
)

// frameMark stands before the lines of -test.v=test2json, which tells of a check
// as soon as it ends.
const frameMark = "\x16"

// hear takes one line of what TestGuest says.
func (m *vmMachine) hear(line, accel string) {
	switch found := []*regexp.Regexp{checkBegins, checkEnds, guestEnds}; {
	case found[0].MatchString(line):
		if m.checked == 0 && m.check == "" {
			tell("boot   %d CPUs, %s (%.1f s)\n", vmCPUs, accel, time.Since(m.began).Seconds())
		}
		m.check, m.said = found[0].FindStringSubmatch(line)[1], nil
	case found[1].MatchString(line):
		g := found[1].FindStringSubmatch(line)
		m.end(g[2], g[1], g[3])
	case found[2].MatchString(line):
		m.ended = true
		if status := found[2].FindStringSubmatch(line)[1]; status != "0" {
			m.t.Errorf("the checks ended with status %s\n%s", status, strings.Join(m.loose, "\n"))
		}
	case m.check != "":
		m.said = append(m.said, line)
	default:
		m.loose = append(m.loose, line)
	}
}

// end tells of a check that has ended, and makes it a test of its own, so that
// go test reports its name.
func (m *vmMachine) end(name, verdict, seconds string) {
	m.checked++
	word := map[string]string{"PASS": "ok", "FAIL": "FAIL", "SKIP": "skip"}[verdict]
	tell("%-4s %6s s  %s", word, seconds, strings.ReplaceAll(name, "_", " "))
	for _, line := range m.said {
		if g := saysNumber.FindStringSubmatch(line); g != nil {
			tell("               %s", g[1])
		}
	}
	said := strings.Join(m.said, "\n")
	m.t.Run(name, func(t *testing.T) {
		switch verdict {
		case "FAIL":
			t.Errorf("in the virtual machine:\n%s", said)
		case "SKIP":
			t.Skip(said)
		}
	})
	m.check, m.said = "", nil
}

// keepCaptures writes what the virtual controllers recorded to testdata.
func (m *vmMachine) keepCaptures() {
	raw, err := os.ReadFile(m.captures())
	if err != nil {
		m.t.Fatal(err)
	}
	var to *os.File
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimRight(line, "\r\n")
		if name, ok := strings.CutPrefix(line, "# "); ok {
			if to, err = os.Create(filepath.Join("../../testdata/capture", filepath.Base(name))); err != nil {
				m.t.Fatal(err)
			}
			m.t.Cleanup(func() { _ = to.Close() })
			continue
		}
		if to == nil {
			m.t.Fatalf("captures begin without a name: %q", line)
		}
		_, _ = fmt.Fprintln(to, line)
	}
}
