//go:build vm && linux

package main

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// vmPrograms are what the machine runs, all of it found again under /bin.
var vmPrograms = []string{
	"usr/libexec/bluetooth/bluetoothd", "usr/bin/btvirt", "usr/bin/btmgmt", "usr/bin/bluetoothctl", "usr/bin/dbus-daemon", "bin/busybox",
}

// vmModules are the kernel's modules that the machine loads, after those that
// they need. Without the ones for ciphers bluetoothd makes no addresses, and
// btvirt says only that it cannot open /dev/vhci.
var vmModules = []string{"hci_vhci", "cmac", "ecb", "algif_hash", "algif_skcipher", "uhid"}

// vmConfigs are files that are taken as they are: Debian's own rules of the
// system bus among them.
var vmConfigs = []string{"usr/share/dbus-1/system.conf", "etc/dbus-1/system.d/bluetooth.conf"}

// libraryDirs are where libraries are, in the packages.
var libraryDirs = []string{"lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64", "usr/lib/x86_64-linux-gnu/systemd"}

// pick takes what the machine needs out of everything that was unpacked.
func (fs files) pick(ctx context.Context) (files, error) {
	picked := files{}
	var libraries []string
	for _, name := range vmPrograms {
		f, ok := fs.find(name)
		if !ok {
			f, ok = fs.find("usr/" + name)
		}
		if !ok {
			return nil, fmt.Errorf("%s is in none of the packages", name)
		}
		picked["bin/"+path.Base(name)] = f
		libraries = append(libraries, needed(f.data)...)
	}
	if err := fs.pickLibraries(picked, libraries); err != nil {
		return nil, err
	}
	for _, name := range vmConfigs {
		f, ok := fs.find(name)
		if !ok {
			if f, ok = fs.find("usr/share/dbus-1/system.d/" + path.Base(name)); !ok {
				return nil, fmt.Errorf("%s is in none of the packages", name)
			}
		}
		picked[name] = f
	}
	return picked, fs.pickModules(ctx, picked)
}

// find follows links to a file.
func (fs files) find(name string) (file, bool) {
	for range 8 {
		f, ok := fs[name]
		if !ok || f.link == "" {
			return f, ok
		}
		if path.IsAbs(f.link) {
			name = f.link[1:]
		} else {
			name = path.Join(path.Dir(name), f.link)
		}
	}
	return file{}, false
}

// pickLibraries takes libraries, and those that they need in turn.
func (fs files) pickLibraries(picked files, todo []string) error {
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		to := "lib/x86_64-linux-gnu/" + name
		if strings.HasPrefix(name, "ld-linux") {
			to = "lib64/" + name
		}
		if _, done := picked[to]; done {
			continue
		}
		i := slices.IndexFunc(libraryDirs, func(dir string) bool { _, ok := fs.find(path.Join(dir, name)); return ok })
		if i < 0 {
			return fmt.Errorf("the library %s is in none of the packages", name)
		}
		f, _ := fs.find(path.Join(libraryDirs[i], name))
		picked[to] = file{data: f.data, mode: 0o755}
		todo = append(todo, needed(f.data)...)
	}
	return nil
}

// needed lists the libraries that a program or library loads.
func needed(data []byte) []string {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	names, err := f.ImportedLibraries()
	if err != nil {
		return nil
	}
	return names
}

var moduleName = regexp.MustCompile(`/([^/]+)\.ko(\.xz|\.zst|\.gz)?$`)

// pickModules takes the modules, named in the order in which they are loaded.
func (fs files) pickModules(ctx context.Context, picked files) error {
	at := map[string]string{}
	for name := range fs {
		if m := moduleName.FindStringSubmatch(name); m != nil {
			at[strings.ReplaceAll(m[1], "-", "_")] = name
		}
	}
	var order []string
	var load func(name string) error
	load = func(name string) error {
		from, ok := at[name]
		if !ok || slices.Contains(order, name) {
			return nil // part of the kernel, or loaded already
		}
		data, err := decompress(ctx, fs[from].data)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		for _, need := range modulesNeeded(data) {
			if err := load(need); err != nil {
				return err
			}
		}
		picked[fmt.Sprintf("modules/%02d-%s.ko", len(order), name)] = file{data: data, mode: 0o644}
		order = append(order, name)
		return nil
	}
	for _, name := range vmModules {
		if err := load(name); err != nil {
			return err
		}
	}
	if !slices.Contains(order, "hci_vhci") {
		return fmt.Errorf("the kernel has no module hci_vhci")
	}
	return nil
}

var dependsOf = regexp.MustCompile(`(?:^|\x00)depends=([^\x00]*)\x00`)

// modulesNeeded lists the modules that a module needs.
func modulesNeeded(module []byte) []string {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil
	}
	info, err := section.Data()
	if err != nil {
		return nil
	}
	m := dependsOf.FindSubmatch(info)
	if m == nil || len(m[1]) == 0 {
		return nil
	}
	return strings.Split(strings.ReplaceAll(string(m[1]), "-", "_"), ",")
}
