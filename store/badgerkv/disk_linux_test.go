package badgerkv_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// TestFullDisk really fills a small disk. The disk is a tmpfs that only a child
// process sees, so that a SIGBUS ends only the child.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out []byte
	var err error
	for _, attr := range namespaces() {
		cmd := exec.Command(os.Args[0], dir)
		cmd.Env = append(os.Environ(), childEnv+"=fill")
		cmd.SysProcAttr = attr
		out, err = cmd.CombinedOutput()
		if err == nil {
			t.Logf("%s", out)
			return
		}
		if cmd.ProcessState != nil && !strings.Contains(string(out), errNoMount.Error()) {
			t.Fatalf("child: %v\n%s", err, out)
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("no private mount namespace: %v\n%s", err, out)
	}
	t.Skipf("no private mount namespace: %v\n%s", err, out)
}

// namespaces are the ways to get a private mount namespace: as root, and as root
// of a user namespace.
func namespaces() []*syscall.SysProcAttr {
	id := func(host int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: host, Size: 1}}
	}
	return []*syscall.SysProcAttr{
		{Cloneflags: syscall.CLONE_NEWNS},
		{
			Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
			UidMappings: id(os.Getuid()),
			GidMappings: id(os.Getgid()),
		},
	}
}

var errNoMount = errors.New("cannot mount a tmpfs here")

// mountDisk mounts a disk of the given size on dir, which ends with the process.
func mountDisk(dir, size string) error {
	err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errNoMount, err)
	}
	return nil
}

// filler is another program that uses the disk.
type filler struct {
	path string
	size int
}

func (f *filler) grow(by int) error {
	w, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.size += by
	_, err = w.Write(make([]byte, by))
	return errors.Join(err, w.Close())
}

// fillDisk runs in the child: the store and another program fill the disk until
// the store refuses; then the other program goes on a little, and makes room. No
// committed record may be missing at any time.
func fillDisk(dir string) error {
	if err := mountDisk(dir, "256m"); err != nil {
		return err
	}
	e, err := badgerkv.Open(filepath.Join(dir, "store"), badgerkv.Options{})
	if err != nil {
		return err
	}
	other := &filler{path: filepath.Join(dir, "other")}
	committed, err := writeUntilRefused(e, 0, other, 80<<20)
	if err != nil {
		return err
	}
	fmt.Printf("refused after %d records and %d MiB of the other program\n", committed, other.size>>20)
	if err := other.grow(8 << 20); err != nil {
		return err
	}
	if err := refuses(e, committed); err != nil {
		return err
	}
	if err := os.Remove(other.path); err != nil {
		return err
	}
	if committed, err = writeUntilRefused(e, committed, nil, 0); err != nil {
		return err
	}
	fmt.Printf("refused after %d records alone\n", committed)
	if err := refuses(e, committed); err != nil {
		return err
	}
	if err := e.Close(); err != nil {
		return err
	}
	return reopened(filepath.Join(dir, "store"), committed)
}

// writeUntilRefused adds records until the first kv.ErrNoSpace, while other
// grows to at most otherMax bytes.
func writeUntilRefused(e kv.Engine, n uint64, other *filler, otherMax int) (uint64, error) {
	for first := n; ; n++ {
		err := putRecord(e, n+1)
		if errors.Is(err, kv.ErrNoSpace) {
			fmt.Println(err)
			if n == first {
				return n, errors.New("refused before the first record")
			}
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if other != nil && other.size < otherMax {
			if err := other.grow(256 << 10); err != nil {
				return n, err
			}
		}
	}
}

// refuses checks that reading works and finds every record. Writing may have
// become possible again, because merging tables frees space; if it is refused, it
// must be with kv.ErrNoSpace.
func refuses(e kv.Engine, committed uint64) error {
	n, err := countRecords(e)
	if err != nil || n != committed {
		return fmt.Errorf("full disk: found %d records, want %d: %w", n, committed, err)
	}
	err = e.Update(context.Background(), func(kv.Tx) error { return nil })
	if err != nil && !errors.Is(err, kv.ErrNoSpace) {
		return fmt.Errorf("full disk: %w", err)
	}
	return nil
}

func reopened(dir string, committed uint64) error {
	e, err := badgerkv.Open(dir, badgerkv.Options{})
	if err != nil {
		return fmt.Errorf("after the disk was full: %w", err)
	}
	n, err := countRecords(e)
	if err == nil && n != committed {
		err = fmt.Errorf("found %d records after reopening, want %d", n, committed)
	}
	return errors.Join(err, e.Close())
}
