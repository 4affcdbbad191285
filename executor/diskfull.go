// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"regexp"

	"drydock/resources"
	"drydock/sandbox"
)

// quotaText is what programs print for EDQUOT, which ext4 gives for a project
// quota.
var quotaText = regexp.MustCompile(`(?i)disk quota exceeded|\bEDQUOT\b|\[errno 122\]|\bos error 122\b`)

// noRoom reports whether the program said, or its signal does, that a write
// found no room.
func (e *evidence) noRoom() bool {
	return e.noSpace() || e.sigbus() || quotaText.MatchString(e.o.Tail)
}

// hardFull is a hard limit on the disk that was seen used up; nil: none was. A
// program that says that it found no room may have written in large pieces, of
// which the last did not fit as a whole.
func (e *evidence) hardFull() *sandbox.HardDisk {
	if e.o.Disk == nil {
		return nil
	}
	most := int64(fullRoom)
	if e.noRoom() {
		most = largePiece
	}
	for i := range e.o.Disk.Hard {
		if h := &e.o.Disk.Hard[i]; h.NoFiles || h.Size-h.Peak <= min(most, h.Size/8) {
			return h
		}
	}
	return nil
}

// Room that may be left of a full disk, in bytes.
const (
	fullRoom   = 64 << 10
	largePiece = 4 << 20
)

// ownDiskFull is a failure with the limit on the task's own disk used up.
func (e *evidence) ownDiskFull() bool { return e.failed() && e.hardFull() != nil }

// hostDiskFull is a failure for want of room where a file system of the
// machine's had none, or a success that rests on what never reached the disk.
func (e *evidence) hostDiskFull() bool {
	return len(e.o.FullDisks) > 0 && (e.failed() && e.noRoom() && !e.namesShm() || e.lost())
}

func (e *evidence) lost() bool {
	if e.o.Disk == nil {
		return false
	}
	for _, h := range e.o.Disk.Hard {
		if h.Lost {
			return true
		}
	}
	return false
}

// ownDiskProbably covers what was gone before anybody looked, and an allocation
// that was refused as a whole because its end did not fit: nothing else that
// the program writes to was full.
func (e *evidence) ownDiskProbably() bool {
	return e.failed() && e.noRoom() && e.o.Disk != nil && len(e.o.Disk.Hard) > 0 && !e.sigbus() && !e.namesShm()
}

// namesShm reports whether the words are about /dev/shm.
func (e *evidence) namesShm() bool { return shmName.MatchString(e.o.Tail) }

func diskFull(e *evidence) Verdict {
	d := e.o.Disk
	v := Verdict{Class: Failed, Code: CodeDiskFull, Kind: KindUser}
	limit := resources.FormatSize(d.Limit)
	switch h := e.hardFull(); {
	case h == nil:
		h = fullest(d.Hard)
		v.Message = fmt.Sprintf("the task's own disk was full, probably: no space left, and of the %s that it may take %s were seen used", limit, size(h.Peak))
	case h.NoFiles:
		v.Message = fmt.Sprintf("the task's own disk was full: no inode was left for another file, with %s of %s used", size(h.Peak), limit)
	default:
		v.Message = fmt.Sprintf("the task's own disk was full: %s of the %s that it may take were used (%s)", size(h.Peak), limit, diskParts(d))
	}
	v.Message += "; it ended with " + exitText(e.o.Exit)
	v.Hints = append(largestText(d), e.moreDisk(),
		"a cluster does not hinder the write: it evicts what is above its limit some seconds later (evict in place of hard does that)")
	return v
}

func hostDiskFull(e *evidence) Verdict {
	f := e.o.FullDisks[0]
	v := Verdict{Class: Failed, Code: CodeHostDiskFull, Kind: KindSystem}
	left := fmt.Sprintf("%s left of %s", size(f.Free), size(f.Size))
	if f.NoFiles {
		left = "no inode left for another file"
	}
	v.Message = fmt.Sprintf("the machine's disk was full, not the task's: %s where %s lies", left, pathText(f.Path))
	if e.lost() {
		v.Message += "; some of what it wrote is lost"
	}
	v.Message += "; it ended with " + exitText(e.o.Exit)
	v.Hints = []string{"free some room there, or keep the state directory on another disk; more disk= does not help"}
	if d := e.o.Disk; d != nil {
		v.Hints = append(v.Hints, fmt.Sprintf("of its own %s the task used %s", resources.FormatSize(d.Limit), size(d.Peak)))
	}
	return v
}

// fullest is the one that had most.
func fullest(held []sandbox.HardDisk) *sandbox.HardDisk {
	most := &held[0]
	for i := range held {
		if held[i].Peak > most.Peak {
			most = &held[i]
		}
	}
	return most
}

// fullHints are what a full disk may have to do with a failure that says
// nothing of it.
func (e *evidence) fullHints() []string {
	var hints []string
	for _, f := range e.o.FullDisks {
		hints = append(hints, fmt.Sprintf("the machine's disk was full while it ran: %s left of %s where %s lies", size(f.Free), size(f.Size), pathText(f.Path)))
	}
	if h := e.hardFull(); h != nil && !e.failed() {
		hints = append(hints, fmt.Sprintf("its own disk was full at one time, with %s of %s used, and it went on; %s", size(h.Peak), size(h.Size), e.moreDisk()))
	}
	return hints
}
