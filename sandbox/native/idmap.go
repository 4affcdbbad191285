// SPDX-License-Identifier: Apache-2.0

package native

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"drydock/sandbox/native/shimapi"
)

// idRange maps ids of a user namespace to the host's (user_namespaces(7)).
type idRange struct{ inside, host, size uint32 }

// idMap is the user namespace that an ordinary user's attempts live in: root
// inside is the user, and the ids above are the user's subordinate ones.
type idMap struct {
	uids, gids []idRange
	// alone says why root is the only id there is; "" means that others are.
	alone string
	// newuidmap and newgidmap write maps that the kernel would not take from
	// an ordinary user; not used when alone.
	newuidmap, newgidmap string
}

// findIDs looks up what the user may map.
func findIDs() *idMap {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	m := &idMap{uids: []idRange{{0, uid, 1}}, gids: []idRange{{0, gid, 1}}}
	var err error
	if m.newuidmap, err = findHelper("newuidmap"); err == nil {
		m.newgidmap, err = findHelper("newgidmap")
	}
	if err != nil {
		m.alone = "newuidmap and newgidmap are not installed"
		return m
	}
	names := []string{strconv.Itoa(int(uid))}
	if u, err := user.LookupId(names[0]); err == nil {
		names = append(names, u.Username)
	}
	uids, gids := subordinate("/etc/subuid", names), subordinate("/etc/subgid", names)
	if len(uids) == 0 || len(gids) == 0 {
		m.alone = "no subordinate ids in /etc/subuid and /etc/subgid"
		return m
	}
	m.uids, m.gids = append(m.uids, uids...), append(m.gids, gids...)
	return m
}

// findHelper finds a program that may lie outside of an ordinary user's PATH.
func findHelper(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/usr/local/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

func subordinate(path string, names []string) []idRange {
	data, _ := os.ReadFile(path)
	return parseSubordinate(string(data), names)
}

// parseSubordinate reads subuid(5) for a user that goes by these names; the
// ranges follow one another from 1 on inside.
func parseSubordinate(table string, names []string) []idRange {
	var ranges []idRange
	next := uint32(1)
	for line := range strings.Lines(table) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) != 3 {
			continue
		}
		start, err := strconv.ParseUint(fields[1], 10, 32)
		size, err2 := strconv.ParseUint(fields[2], 10, 32)
		if err != nil || err2 != nil || size == 0 || !oneOf(fields[0], names) {
			continue
		}
		ranges = append(ranges, idRange{inside: next, host: uint32(start), size: uint32(size)})
		next += uint32(size)
	}
	return ranges
}

func oneOf(word string, words []string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// has reports whether an id of the inside exists.
func has(ranges []idRange, id uint32) bool {
	for _, r := range ranges {
		if id >= r.inside && id-r.inside < r.size {
			return true
		}
	}
	return false
}

// write gives the process, which has made a user namespace for itself, its ids.
func (m *idMap) write(pid int) error {
	if m.alone != "" {
		return m.writeAlone(pid)
	}
	for _, w := range []struct {
		helper string
		ranges []idRange
	}{{m.newuidmap, m.uids}, {m.newgidmap, m.gids}} {
		args := []string{strconv.Itoa(pid)}
		for _, r := range w.ranges {
			args = append(args, fmt.Sprint(r.inside), fmt.Sprint(r.host), fmt.Sprint(r.size))
		}
		if output, err := exec.Command(w.helper, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", w.helper, strings.Join(args, " "), err, strings.TrimSpace(string(output)))
		}
	}
	return nil
}

// writeAlone writes the one id that everybody may map. The kernel asks for
// setgroups to be given up first: a group can also be there to deny something.
func (m *idMap) writeAlone(pid int) error {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	line := func(r idRange) string { return fmt.Sprintf("%d %d %d\n", r.inside, r.host, r.size) }
	for _, f := range []struct{ name, text string }{
		{"setgroups", "deny"}, {"uid_map", line(m.uids[0])}, {"gid_map", line(m.gids[0])},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0); err != nil {
			return err
		}
	}
	return nil
}

// admit lets a shim that was started with shimapi.UserNamespace go on once it
// has its ids. control is our end of its socket.
func (m *idMap) admit(pid int, control *os.File) error {
	var ready [1]byte
	if n, err := control.Read(ready[:]); n != 1 {
		return errors.Join(errNoUserNamespace, err)
	}
	if err := m.write(pid); err != nil {
		return err
	}
	_, err := control.Write([]byte{shimapi.GoOn})
	return err
}

// errNoUserNamespace says that the shim could not make itself one.
var errNoUserNamespace = errors.New("no user namespace could be made")
