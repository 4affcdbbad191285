// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/sandbox"
	"drydock/sandbox/supervise/client"
)

const (
	fileVersion = 1        // of claims and tickets
	mostText    = 64 << 10 // bytes of a file that are read
	// mostAmount and mostDevices bound what a file may say; more is garbage.
	mostAmount  = int64(1) << 56
	mostDevices = 128
)

// claimFile is the text of a claim. Lent comes first: one byte in its place,
// written over, changes it for every reader at once.
type claimFile struct {
	Lent    int           `json:"lent"`
	Version int           `json:"version"`
	ID      string        `json:"id"`
	Attempt int           `json:"attempt"`
	PID     int           `json:"pid"`
	Since   time.Duration `json:"since"`
	Holds   sandbox.Holds `json:"holds"`
}

const lentOffset = int64(len(`{"lent":`))

// ticketFile is the text of a ticket.
type ticketFile struct {
	Version  int             `json:"version"`
	ID       string          `json:"id"`
	Attempt  int             `json:"attempt"`
	PID      int             `json:"pid"`
	Since    time.Duration   `json:"since"`
	Demand   Demand          `json:"demand"`
	Capacity sandbox.Amounts `json:"capacity"`
}

// scan is one look at the directory.
type scan struct {
	holders []Holder
	queue   []Ticket // the first live ones, in order
	names   []string // the tickets' files
}

// look reads what counts now, and of the queue the first most tickets. With
// tidy it removes dead files: only whoever has the lock may, since a name that
// it saw dead must not have come back to life meanwhile.
func (d dir) look(most int, tidy bool) (scan, error) {
	var s scan
	names, err := d.list()
	if err != nil {
		return s, err
	}
	atStep("names", "listed")
	claims := map[string]Holder{} // by key
	var leases []string
	for _, name := range names {
		switch {
		case strings.HasPrefix(name, claimPrefix):
			h, ok, err := d.claim(name, tidy)
			if err != nil {
				return s, err
			}
			if ok {
				claims[h.key()] = h
			} else { // its sandbox may have begun since we listed the names
				leases = append(leases, strings.TrimPrefix(name, claimPrefix))
			}
		case strings.HasPrefix(name, ticketPrefix) && len(s.queue) < most:
			t, ok, err := d.ticket(name, tidy)
			if err != nil {
				return s, err
			}
			if ok {
				s.queue, s.names = append(s.queue, t), append(s.names, name)
			}
		case strings.HasPrefix(name, draftPrefix):
			if f, _, dead := d.open(name); f != nil {
				d.tidy(tidy && dead, name)
				f.Close()
			}
		case client.IsAttempt(name):
			leases = append(leases, name)
		}
	}
	for _, name := range leases { // after the claims: who is not found there by now is found here
		h, ok := d.lease(name)
		if _, counted := claims[h.key()]; ok && !counted {
			claims[h.key()] = h
		}
	}
	for _, h := range claims {
		s.holders = append(s.holders, h)
	}
	slices.SortFunc(s.holders, func(a, b Holder) int { return strings.Compare(a.key(), b.key()) })
	return s, nil
}

// list names the directory's files, sorted. One that is not there is empty.
func (d dir) list() ([]string, error) {
	f, err := os.Open(string(d))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// key tells one user's attempts from another's, who may write any id.
func (h Holder) key() string { return fmt.Sprintf("%s.%d of %d", h.ID, h.Attempt, h.UID) }

// open opens a file and says whether nobody holds it; then its lock is shared
// by us until f is closed. A nil f is nothing of ours, or gone.
func (d dir) open(name string) (f *os.File, uid uint32, dead bool) {
	fd, err := unix.Open(d.path(name), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, false
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		unix.Close(fd)
		return nil, 0, false
	}
	return os.NewFile(uintptr(fd), name), st.Uid, unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == nil
}

// tidy removes a dead file. The sticky directory lets nobody remove another's.
func (d dir) tidy(do bool, name string) {
	if do {
		_ = os.Remove(d.path(name))
	}
}

// live reads the document of a file that somebody holds into v.
func (d dir) live(name string, tidy bool, v any) (uid uint32, ok bool) {
	f, uid, dead := d.open(name)
	if f == nil {
		return 0, false
	}
	defer f.Close()
	if dead {
		d.tidy(tidy, name)
		return 0, false
	}
	return uid, decode(f, v)
}

func decode(f *os.File, v any) bool {
	return json.NewDecoder(io.LimitReader(f, mostText)).Decode(v) == nil
}

func (d dir) claim(name string, tidy bool) (Holder, bool, error) {
	var c claimFile
	uid, ok := d.live(name, tidy, &c)
	if ok && c.Version != fileVersion {
		return Holder{}, false, d.unknown(name, c.Version, c.PID)
	}
	ok = ok && name == claimName(c.ID, c.Attempt) && sane(c.Holds)
	return Holder{ID: c.ID, Attempt: c.Attempt, PID: c.PID, UID: uid, Since: c.Since, Lent: c.Lent != 0, Holds: c.Holds}, ok, nil
}

func (d dir) lease(name string) (Holder, bool) {
	f, uid, dead := d.open(name)
	if f == nil {
		return Holder{}, false
	}
	defer f.Close()
	var l client.Lease
	ok := dead && d.orphan(f, name, &l) || !dead && decode(f, &l)
	ok = ok && name == client.Name(sandbox.Spec{ID: l.ID, Attempt: l.Attempt}) && sane(l.Holds)
	return Holder{ID: l.ID, Attempt: l.Attempt, UID: uid, Since: sinceUnknown, Orphan: dead, Holds: l.Holds}, ok
}

func (d dir) ticket(name string, tidy bool) (Ticket, bool, error) {
	var t ticketFile
	uid, ok := d.live(name, tidy, &t)
	if ok && t.Version != fileVersion {
		return Ticket{}, false, d.unknown(name, t.Version, t.PID)
	}
	ok = ok && name == ticketName(t.Since, t.ID, t.Attempt) && t.Demand.sane() && Never(t.Capacity, t.Demand) == nil
	return Ticket{ID: t.ID, Attempt: t.Attempt, PID: t.PID, UID: uid, Since: t.Since, Demand: t.Demand, Capacity: t.Capacity}, ok, nil
}

// unknown refuses to guess what another release's file takes.
func (d dir) unknown(name string, version, pid int) error {
	return fmt.Errorf("%s is of version %s, and this drydock knows %d: process %d is of another release; wait for its end, or use one release",
		d.path(name), strconv.Itoa(version), fileVersion, pid)
}

// sane keeps garbage out of sums.
func sane(h sandbox.Holds) bool {
	for _, k := range kinds {
		if n := k.of(h.Amounts); n < 0 || n > mostAmount {
			return false
		}
	}
	return len(h.Devices) <= mostDevices
}

func (d Demand) sane() bool {
	if !sane(sandbox.Holds{Amounts: d.Amounts}) || len(d.Devices) > mostDevices {
		return false
	}
	return !slices.ContainsFunc(d.Devices, func(c Choice) bool { return !c.sane() })
}

func (c Choice) sane() bool {
	wrong := func(set []int) bool {
		return len(set) != c.Count || slices.ContainsFunc(set, func(i int) bool { return i < 0 || i >= len(c.Of) })
	}
	return c.Count >= 0 && len(c.Of) <= mostDevices && len(c.Sets) <= 2*mostDevices && !slices.ContainsFunc(c.Sets, wrong)
}
