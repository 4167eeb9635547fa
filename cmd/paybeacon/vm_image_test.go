//go:build vm && linux

package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The image of the virtual machine: a kernel of Debian's and a small tree of
// files out of Debian's packages, as an archive that the kernel unpacks into
// memory. Nothing is installed and nothing needs root. The image is kept, and
// made anew only when a package, the recipe or this code is another.

// vmRecipe is where the machine's own files and its list of packages are.
const vmRecipe = "../../testdata/vm"

// vmSources are the files of this package that decide what an image holds.
var vmSources = []string{"vm_image_test.go", "vm_pick_test.go"}

// vmTools are the programs that an image cannot be made without.
var vmTools = map[string]string{"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg", "xz": "xz-utils"}

// vmImage is where a finished image is.
type vmImage struct {
	kernel string // an ELF file, which boots at once
	tree   string // a cpio archive
	about  string // what is in it, in a few words
}

// vmPackage is one package as apt would fetch it.
type vmPackage struct{ name, file, url string }

// makeImage returns the image in dir, making it first if need be. fresh says
// that it did.
func makeImage(ctx context.Context, dir string) (image vmImage, fresh bool, err error) {
	for tool, from := range vmTools {
		if _, err := exec.LookPath(tool); err != nil {
			return image, false, fmt.Errorf("%s is missing, which unpacks Debian's packages: install %s, or run this on Debian", tool, from)
		}
	}
	packages, err := findPackages(ctx)
	if err != nil {
		return image, false, err
	}
	key, err := imageKey(packages)
	if err != nil {
		return image, false, err
	}
	at := filepath.Join(dir, "image-"+key)
	image = vmImage{kernel: filepath.Join(at, "vmlinux"), tree: filepath.Join(at, "tree.cpio"), about: aboutPackages(packages)}
	if _, err := os.Stat(image.tree); err == nil {
		return image, false, nil
	}
	debs := filepath.Join(dir, "packages")
	if err := fetchPackages(ctx, debs, packages); err != nil {
		return image, false, err
	}
	kernel, tree, err := buildImage(ctx, debs, packages)
	if err != nil {
		return image, false, err
	}
	old, _ := filepath.Glob(filepath.Join(dir, "image-*"))
	for _, o := range old {
		if err := os.RemoveAll(o); err != nil {
			return image, false, err
		}
	}
	if err := os.MkdirAll(at, 0o755); err != nil {
		return image, false, err
	}
	if err := os.WriteFile(image.kernel, kernel, 0o644); err != nil {
		return image, false, err
	}
	// The tree comes last, under its name only when it is whole.
	if err := os.WriteFile(image.tree+".part", tree, 0o644); err != nil {
		return image, false, err
	}
	return image, true, os.Rename(image.tree+".part", image.tree)
}

// findPackages asks apt which files the list stands for.
func findPackages(ctx context.Context) ([]vmPackage, error) {
	raw, err := os.ReadFile(filepath.Join(vmRecipe, "packages"))
	if err != nil {
		return nil, err
	}
	known, err := candidates(ctx, packageName.FindAllString(comment.ReplaceAllString(string(raw), ""), -1))
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(comment.ReplaceAllString(string(raw), "")) {
		choice := packageName.FindAllString(line, -1)
		if len(choice) == 0 {
			continue
		}
		i := slices.IndexFunc(choice, func(name string) bool { return known[name] })
		if i < 0 {
			return nil, fmt.Errorf("apt does not know %s: run apt-get update", strings.Join(choice, " or "))
		}
		names = append(names, choice[i])
	}
	if err := followKernel(ctx, names); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "apt-get", append([]string{"download", "--print-uris"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt for the packages of the virtual machine: %w; run apt-get update", err)
	}
	var packages []vmPackage
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line) // 'URL' FILE SIZE HASH
		if len(f) != 4 {
			continue
		}
		name, _, _ := strings.Cut(f[1], "_")
		packages = append(packages, vmPackage{name: name, file: f[1], url: strings.Trim(f[0], "'")})
	}
	if len(packages) != len(names) {
		return nil, fmt.Errorf("apt knows %d of the %d packages of the virtual machine: run apt-get update", len(packages), len(names))
	}
	return packages, nil
}

var (
	comment     = regexp.MustCompile(`#.*`)
	packageName = regexp.MustCompile(`[a-z0-9][a-z0-9+.-]+`)
	policyName  = regexp.MustCompile(`(?m)^([^ :]+):\n +Installed: .*\n +Candidate: [^(]`)
)

// candidates says which packages apt could install.
func candidates(ctx context.Context, names []string) (map[string]bool, error) {
	cmd := exec.CommandContext(ctx, "apt-cache", append([]string{"policy"}, names...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt which packages it knows: %w", err)
	}
	known := map[string]bool{}
	for _, m := range policyName.FindAllSubmatch(out, -1) {
		known[string(m[1])] = true
	}
	return known, nil
}

// followKernel puts the kernel's own package in place of the one that stands
// for the newest kernel.
func followKernel(ctx context.Context, names []string) error {
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "linux-image-") })
	if i < 0 {
		return errors.New("the list of packages has no kernel")
	}
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", "--no-recommends", "--no-suggests", names[i]).Output()
	if err != nil {
		return fmt.Errorf("ask apt for the newest kernel: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if kernel, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok && strings.HasPrefix(kernel, "linux-image-") {
			names[i] = kernel
			return nil
		}
	}
	return nil // it is a kernel itself
}

// imageKey changes with everything that an image is made from.
func imageKey(packages []vmPackage) (string, error) {
	h := sha256.New()
	for _, p := range packages {
		_, _ = fmt.Fprintln(h, p.file)
	}
	for _, name := range vmSources {
		raw, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintln(h, filepath.Base(name), len(raw))
		_, _ = h.Write(raw)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}

func aboutPackages(packages []vmPackage) string {
	var about []string
	for _, p := range packages {
		if strings.HasPrefix(p.name, "linux-image-") || p.name == "bluez" {
			version := strings.Split(p.file, "_")[1]
			about = append(about, strings.TrimPrefix(p.name, "linux-image-")+" "+version)
		}
	}
	return "Debian " + strings.Join(about, ", ")
}

// fetchPackages downloads what is not there yet. apt checks what it fetches.
func fetchPackages(ctx context.Context, dir string, packages []vmPackage) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var missing []string
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(dir, p.file)); err != nil {
			missing = append(missing, p.name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"-q", "download"}, missing...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("download packages: %w\n%s", err, out)
	}
	return nil
}

// buildImage reads the packages and picks what the machine needs.
func buildImage(ctx context.Context, debs string, packages []vmPackage) (kernel, tree []byte, err error) {
	all := files{}
	for _, p := range packages {
		if err := all.unpack(ctx, filepath.Join(debs, p.file), strings.HasPrefix(p.name, "linux-image-")); err != nil {
			return nil, nil, fmt.Errorf("unpack %s: %w", p.file, err)
		}
	}
	for name := range all {
		if strings.HasPrefix(name, "boot/vmlinuz-") {
			if kernel, err = unpackKernel(ctx, all[name].data); err != nil {
				return nil, nil, fmt.Errorf("unpack the kernel: %w", err)
			}
		}
	}
	if kernel == nil {
		return nil, nil, errors.New("there is no kernel in the packages")
	}
	picked, err := all.pick(ctx)
	if err != nil {
		return nil, nil, err
	}
	picked["etc/machine-id"] = file{data: []byte("feedbeeffeedbeeffeedbeeffeedbeef\n"), mode: 0o644}
	picked["bin/sh"] = file{link: "busybox"}
	picked["var/run"] = file{link: "/run"}
	for _, dir := range []string{"proc", "sys", "dev", "tmp", "root", "run/dbus", "var/lib/bluetooth"} {
		picked[dir] = file{dir: true, mode: 0o755}
	}
	return kernel, picked.archive(), nil
}

// file is one file of the machine.
type file struct {
	data []byte
	link string
	mode int64
	dir  bool
}

// files are files by their path, without a slash in front.
type files map[string]file

// kernelParts are what is taken of a kernel's package, of 390 MB.
var kernelParts = []string{"boot/vmlinuz-", "/kernel/net/bluetooth/", "/kernel/drivers/bluetooth/hci_vhci.ko", "/kernel/crypto/", "/kernel/lib/", "/kernel/net/rfkill/", "/kernel/drivers/hid/hid.ko", "/kernel/drivers/hid/uhid.ko"}

// unpack reads a package's files into memory.
func (fs files) unpack(ctx context.Context, deb string, kernel bool) (err error) {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_, copyErr := io.Copy(io.Discard, out)
		err = errors.Join(err, copyErr, cmd.Wait())
	}()
	for r := tar.NewReader(bufio.NewReaderSize(out, 1<<20)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if kernel && !slices.ContainsFunc(kernelParts, func(part string) bool { return strings.Contains(name, part) }) {
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg:
			data, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			fs[name] = file{data: data, mode: h.Mode}
		case tar.TypeSymlink:
			fs[name] = file{link: h.Linkname}
		case tar.TypeLink:
			fs[name] = fs[strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")]
		}
	}
}

// archive writes the files as cpio's "newc", which the kernel reads.
func (fs files) archive() []byte {
	for name := range maps.Clone(fs) { // a directory before what is in it
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := fs[dir]; !ok {
				fs[dir] = file{dir: true, mode: 0o755}
			}
		}
	}
	var b bytes.Buffer
	number := 0
	entry := func(name string, mode int64, data []byte) {
		number++
		_, _ = fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
		align4(&b)
		b.Write(data)
		align4(&b)
	}
	for _, name := range slices.Sorted(maps.Keys(fs)) {
		switch f := fs[name]; {
		case f.dir:
			entry(name, 0o040000|f.mode, nil)
		case f.link != "":
			entry(name, 0o120777, []byte(f.link))
		default:
			entry(name, 0o100000|f.mode&0o777, f.data)
		}
	}
	entry("TRAILER!!!", 0, nil)
	return b.Bytes()
}

func align4(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

// unpackKernel takes the ELF kernel out of the file that a boot loader would
// load (Documentation/arch/x86/boot.rst). It spares the machine unpacking it.
func unpackKernel(ctx context.Context, image []byte) ([]byte, error) {
	const setupSectors, magic, payloadOffset, sizeBytes = 0x1f1, 0x202, 0x248, 4
	if len(image) < payloadOffset+8 || string(image[magic:magic+4]) != "HdrS" {
		return nil, errors.New("it is no bzImage")
	}
	start := (int(image[setupSectors]) + 1) * 512
	start += int(binary.LittleEndian.Uint32(image[payloadOffset:]))
	end := start + int(binary.LittleEndian.Uint32(image[payloadOffset+4:])) - sizeBytes
	if end > len(image) || end < start {
		return nil, errors.New("its payload is not inside it")
	}
	elf, err := decompress(ctx, image[start:end])
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(elf, []byte("\x7fELF")) {
		return nil, errors.New("its payload is no ELF file")
	}
	return elf, nil
}

// decompress undoes what Debian compresses kernels and modules with.
func decompress(ctx context.Context, b []byte) ([]byte, error) {
	var tool string
	switch {
	case bytes.HasPrefix(b, []byte("\xfd7zXZ\x00")):
		tool = "xz"
	case bytes.HasPrefix(b, []byte("\x28\xb5\x2f\xfd")):
		tool = "zstd"
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		tool = "gzip"
	default:
		return b, nil
	}
	cmd := exec.CommandContext(ctx, tool, "-dc")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	return out, nil
}
