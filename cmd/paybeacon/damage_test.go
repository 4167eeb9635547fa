package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

const (
	flipRounds = 60 // for a registry that was stopped, and for one that was killed
	pieceBytes = 512
)

// TestFlippedBytesAreFound changes random bytes in the store of a registry that
// was stopped, and of one that was killed. Either admin audit says so, or the
// bytes were of no meaning and everything is as it was; nothing ever dies of it.
func TestFlippedBytesAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	random := seedOf(t)
	for n := range 4 {
		w.payHonestly(fmt.Sprint("payment-", n))
	}
	w.must(w.query("reg", "topup", api.TopUpRequest{Wallet: "ben", Amount: "3.00", Key: "gift"}, nil))
	w.Stop("box")
	w.Stop("ada")
	w.Kill("reg")
	images := map[string]image{"killed": w.image("reg")}
	w.must(w.Again("reg", nil))
	_, err := w.Ready("reg")
	w.must(err)
	w.Stop("reg")
	images["stopped"] = w.image("reg")
	for _, how := range []string{"stopped", "killed"} {
		im := images[how]
		before, finding, err := w.auditCopy(how, im)
		if err != nil || finding != "" || !strings.Contains(before, "captured") {
			t.Fatalf("%s, nothing changed: %q, %v", how, finding, err)
		}
		var mu sync.Mutex
		found, silent := map[string]int{}, map[string]int{}
		var rounds errgroup.Group
		rounds.SetLimit(2)
		for n := range flipRounds {
			bent, where := im.flip(random)
			rounds.Go(func() error {
				after, finding, err := w.auditCopy(fmt.Sprint(how, n), bent)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil:
					return fmt.Errorf("%s, %s: %w", how, where, err)
				case finding != "":
					found[where.kind()]++
				case after != before:
					t.Errorf("%s, %s: the audit found nothing, but:\n%s", how, where, difference(before, after))
				default:
					silent[where.kind()]++
				}
				return nil
			})
		}
		if err := rounds.Wait(); err != nil {
			t.Error(err)
		}
		t.Logf("%s: found %v, without a meaning %v", how, found, silent)
	}
}

// place is where a byte was flipped.
type place struct {
	file   string
	offset int64
	mask   byte
}

func (p place) String() string { return fmt.Sprintf("%s at %d ^ %#x", p.file, p.offset, p.mask) }

func (p place) kind() string { return strings.TrimLeft(filepath.Base(p.file), "0123456789") }

// image is the content of a directory: for each file its size and the pieces
// that are not all zeros, by offset. The logs of a store are mostly zeros.
type image map[string]imageFile

type imageFile struct {
	size   int64
	pieces map[int64][]byte
}

func (w *world) image(name string) image {
	w.t.Helper()
	im := image{}
	root := w.Data(name)
	w.must(filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f := imageFile{int64(len(raw)), map[int64][]byte{}}
		for at := 0; at < len(raw); at += pieceBytes {
			piece := raw[at:min(at+pieceBytes, len(raw))]
			if bytes.ContainsFunc(piece, func(r rune) bool { return r != 0 }) {
				f.pieces[int64(at)] = piece
			}
		}
		rel, err := filepath.Rel(root, path)
		im[rel] = f
		return err
	}))
	return im
}

// flip returns the image with one byte of the store changed, near data. Every
// file gets its share, however small it is.
func (im image) flip(random *rand.Rand) (image, place) {
	pieces := map[string][]int64{}
	for name, f := range im {
		if filepath.Dir(name) == "store" && len(f.pieces) > 0 {
			pieces[name] = slices.Sorted(maps.Keys(f.pieces))
		}
	}
	names := slices.Sorted(maps.Keys(pieces))
	name := names[random.IntN(len(names))]
	if random.IntN(2) == 0 {
		// The one with most data.
		name = slices.MaxFunc(names, func(a, b string) int { return len(pieces[a]) - len(pieces[b]) })
	}
	at := pieces[name][random.IntN(len(pieces[name]))]
	bent := slices.Clone(im[name].pieces[at])
	where := place{name, at + int64(random.IntN(len(bent))), byte(1) << random.IntN(8)}
	if random.IntN(2) == 0 {
		where.mask = byte(1 + random.IntN(255))
	}
	bent[where.offset-at] ^= where.mask
	out := maps.Clone(im)
	out[name] = imageFile{im[name].size, maps.Clone(im[name].pieces)}
	out[name].pieces[at] = bent
	return out, where
}

func (im image) write(dir string) error {
	for name, f := range im {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		err = out.Truncate(f.size)
		for at, piece := range f.pieces {
			if err == nil {
				_, err = out.WriteAt(piece, at)
			}
		}
		if err = errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
	return nil
}

// auditCopy audits a copy of a registry in a process of its own. When that says
// that all is right, it returns what the registry holds; else what it said. An
// error is something that an audit must never do.
func (w *world) auditCopy(name string, im image) (content, finding string, err error) {
	dir := w.Data(name)
	defer os.RemoveAll(dir)
	if err := im.write(dir); err != nil {
		return "", "", err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(w.Ctx, w.Exe, "admin", "audit", "--data", dir, "--json")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", "", err
	}
	if said := stderr.String(); strings.Contains(said, "panic") || strings.Contains(said, "goroutine ") {
		return "", "", fmt.Errorf("the audit panicked: %s", said)
	}
	if err == nil {
		var a api.Audit
		if err := json.Unmarshal(stdout.Bytes(), &a); err != nil || !a.OK || len(a.Findings) > 0 {
			return "", "", fmt.Errorf("exit 0 with %s (%v)", stdout.String(), err)
		}
		content, err := w.content(name)
		return content, "", err
	}
	var e api.Problem
	if err := json.Unmarshal(stderr.Bytes(), &e); err != nil || e.Code == "" || e.Message == "" || e.Hint == "" || pay.Exit(exit.ExitCode()) != pay.ExitOf(e.Code) {
		return "", "", fmt.Errorf("%w and the words %q are no clear error", exit, stderr.String())
	}
	return "", e.Message, nil
}

// content is all that a stopped registry holds, one row a line: facts, feeds and
// the rows of its role, payments and balances among them.
func (w *world) content(name string) (string, error) {
	var out strings.Builder
	err := w.offline(name, func(v *store.View) error {
		err := v.Facts(func(f pay.Fact) error {
			fmt.Fprintf(&out, "fact %s %s\n", f.ID(), f.Kind())
			return nil
		})
		if err != nil {
			return err
		}
		err = v.Scopes(func(scope pay.Scope, head pay.Head) error {
			fmt.Fprintf(&out, "feed %s %d %x\n", scope, head.Cursor.Seq, head.Cursor.Chain)
			return nil
		})
		if err != nil {
			return err
		}
		return v.Scan(nil, nil, 0, func(key, value []byte) bool {
			fmt.Fprintf(&out, "row %q %q\n", key, value)
			return true
		})
	})
	return out.String(), err
}

// difference is the lines of two texts that the other one lacks.
func difference(before, after string) string {
	var out []string
	a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out, "\n")
}
