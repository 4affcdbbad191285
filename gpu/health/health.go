// SPDX-License-Identifier: Apache-2.0

// Package health remembers which GPUs their driver reported an error of that
// only somebody's doing mends: a reset, another boot, another card. Such a
// report (an XID) is an event; a later look at the GPU may find nothing wrong.
//
// A mark is a file in a machine-wide directory, that of the leases: Add sets
// it, Apply makes the GPU unhealthy in an inventory, and Clear, on a person's
// word, takes the marks off again of the GPUs that a look finds well. A mark
// ends with the boot that it was set in. In the directory everybody may write
// and nobody may remove another's file: a mark of another user's counts, and
// only that user or root clears it. Whoever may write there may take any GPU by
// a lease as well; what is no mark, whoever put it there, stands in nobody's way.
package health

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/gpu"
)

// prefix begins the names of marks: unhealthy-GPU-….UID.
const prefix = "unhealthy-"

// The second number is there where somebody else has the name without.
var markName = regexp.MustCompile(`^` + prefix + `(GPU-[0-9A-Za-z-]{1,90})\.\d{1,10}(\.\d{1,10})?$`)

// mark is what a file says.
type mark struct {
	Code int       `json:"xid"`
	Time time.Time `json:"time"`
	Boot string    `json:"boot"`
	uid  int       // whose file it is
}

// counts reports whether it is one of this boot, of an error that Add marks.
func (m mark) counts() bool {
	return m.Boot == boot() && m.Code > 0 && !gpu.XID{Code: m.Code}.ByProgram()
}

// mostMark bounds what is read of a file of somebody's.
const mostMark = 4096

// Add marks the GPU of an error that no program leads to; of others it does
// nothing. The first mark of a boot stays: what follows follows from it.
func Add(dir string, x gpu.XID, at time.Time) error {
	name := fmt.Sprintf("%s%s.%d", prefix, x.GPU, os.Getuid())
	if x.ByProgram() || !markName.MatchString(name) {
		return nil
	}
	for _, path := range files(dir, x.GPU) {
		if m, err := read(path); err == nil && m.counts() && m.uid == os.Getuid() {
			return nil
		}
	}
	text, err := json.Marshal(mark{Code: x.Code, Time: at.UTC(), Boot: boot()})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, name)
	if err = replace(dir, path, text); err != nil { // somebody else has the name
		err = replace(dir, fmt.Sprintf("%s.%d", path, rand.Uint32()), text)
	}
	if err != nil {
		return fmt.Errorf("remember that %s is unhealthy (%s): %w", x.GPU, x, err)
	}
	return nil
}

// files are those that may be marks of a GPU.
func files(dir string, id gpu.ID) (paths []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if name := markName.FindStringSubmatch(e.Name()); name != nil && name[1] == string(id) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

// replace writes a file that is there all at once, readable for everybody.
func replace(dir, path string, text []byte) error {
	f, err := os.CreateTemp(dir, ".drydock-mark-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error counts
	}
	return err
}

// Apply returns the inventory with the marked GPUs unhealthy. What is wrong
// with one by its own word stays. A directory that is not there has no marks.
func Apply(dir string, inv gpu.Inventory) gpu.Inventory {
	marks := marksIn(dir)
	if len(marks) == 0 {
		return inv
	}
	inv.Devices = append([]gpu.Device{}, inv.Devices...)
	for i := range inv.Devices {
		d := &inv.Devices[i]
		if m, ok := marks[d.ID]; ok && d.Health == "" {
			d.Health = gpu.XID{Code: m.Code}.String()
		}
	}
	return inv
}

// Clear removes the marks of the GPUs that a look, without the marks, finds
// well, and returns them.
func Clear(dir string, inv gpu.Inventory) ([]gpu.ID, error) {
	var cleared []gpu.ID
	var errs []error
	for _, d := range inv.Devices {
		if d.Sick() != "" {
			continue
		}
		marked, left := false, false
		for _, path := range files(dir, d.ID) {
			m, unread := read(path)
			err := os.Remove(path)
			if unread != nil || !m.counts() {
				continue // it marks nothing
			}
			marked = true
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				left = true
				errs = append(errs, fmt.Errorf("%s stays marked as unhealthy: %w; run `sudo drydock devices --refresh`", d.ID, err))
			}
		}
		if marked && !left {
			cleared = append(cleared, d.ID)
		}
	}
	return cleared, errors.Join(errs...)
}

// marksIn reads the marks of this boot. What cannot be read is none.
func marksIn(dir string) map[gpu.ID]mark {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	marks := map[gpu.ID]mark{}
	for _, e := range entries {
		name := markName.FindStringSubmatch(e.Name())
		if name == nil {
			continue
		}
		m, err := read(filepath.Join(dir, e.Name()))
		if err != nil || !m.counts() {
			continue
		}
		id := gpu.ID(name[1])
		if first, ok := marks[id]; !ok || m.Time.Before(first.Time) {
			marks[id] = m
		}
	}
	return marks
}

// read opens nothing but a plain file: in this directory anybody may have put
// a pipe or a link.
func read(path string) (mark, error) {
	var m mark
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return m, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer func() { _ = f.Close() }() // read only
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return m, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return m, errors.New("no plain file")
	}
	text, err := io.ReadAll(io.LimitReader(f, mostMark))
	if err != nil {
		return m, err
	}
	err = json.Unmarshal(text, &m)
	m.uid = int(st.Uid)
	return m, err
}

// boot is the kernel's id of this boot.
func boot() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
