// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"fmt"
	"regexp"

	"drydock/resources"
)

// shmFullPercent of a tmpfs counts as full: the last write may have been
// larger than what was left.
const shmFullPercent = 98

// Words that programs print when a mapped page or a write found no room. Data
// loaders report a child's SIGBUS as exit code -7.
var (
	busErrorText = regexp.MustCompile(`(?i)\bbus error\b|\bSIGBUS\b|\bexit ?code\b[ :=]*-7\b`)
	noSpaceText  = regexp.MustCompile(`(?i)no space left on device|\bENOSPC\b|\[errno 28\]|\bos error 28\b`)
	// shmName is in what a refusal of room in /dev/shm says: its path (NCCL
	// names its segments so), a segment of PyTorch's (aten/src/ATen/MapAllocator.cpp:
	// "unable to allocate shared memory(shm) for file </torch_1_2>", "unable to
	// write to file </torch_1_2>"), and Python's named semaphores, which are
	// files there.
	shmName = regexp.MustCompile(`(?i)/dev/shm\b|\bshared memory\b|</torch_\d|\bSemLock\b`)
)

func (e *evidence) sigbus() bool {
	x := e.o.Exit
	return x.Signal == "SIGBUS" || x.Code == 135 || busErrorText.MatchString(e.o.Tail)
}

func (e *evidence) noSpace() bool { return noSpaceText.MatchString(e.o.Tail) }

// shmFull is row 10: a program that failed with the words or the signal of a
// full tmpfs, and one that was full.
func (e *evidence) shmFull() bool {
	if !e.failed() || !e.hasShm() {
		return false
	}
	if e.shmSeenFull() {
		return e.sigbus() || e.noSpace()
	}
	return e.hardFull() == nil && e.shmProbablyFull()
}

func (e *evidence) hasShm() bool { return e.o.Shm != nil && e.o.Shm.Size > 0 }

// shmUsed is the most of /dev/shm that anybody saw taken.
func (e *evidence) shmUsed() int64 { return max(e.o.Shm.Peak, e.o.Shm.Used) }

func (e *evidence) shmSeenFull() bool {
	return e.hasShm() && e.shmUsed() >= e.o.Shm.Size/100*shmFullPercent
}

// shmProbablyFull covers what was gone before anybody looked: files that were
// unlinked, and an allocation that the kernel took back as a whole because its
// end did not fit (fallocate, as PyTorch does it). Their pages still stand in
// the peak of memory.
func (e *evidence) shmProbablyFull() bool {
	return e.o.Memory.Peak >= e.o.Shm.Size && (e.sigbus() || e.noSpace() && shmName.MatchString(e.o.Tail))
}

func sharedMemory(e *evidence) Verdict {
	s := e.o.Shm
	v := Verdict{Class: Shm, Code: CodeSharedMemory, Kind: KindUser}
	switch used := size(e.shmUsed()); {
	case e.shmSeenFull():
		v.Message = fmt.Sprintf("shared memory ran out: /dev/shm of %s was full, with %s used", size(s.Size), used)
	case e.sigbus():
		v.Message = fmt.Sprintf("shared memory ran out, probably: a bus error, and /dev/shm has only %s, of which %s were seen used", size(s.Size), used)
	default:
		v.Message = fmt.Sprintf("shared memory ran out, probably: no space left, and /dev/shm has only %s, of which %s were seen used", size(s.Size), used)
	}
	v.Hints = []string{e.moreShm()}
	return v
}

// moreShm is what to ask for. How much was wanted nobody knows; a tmpfs takes
// what is written to it and nothing for its size, so that as much as the limit
// of memory is the best try.
func (e *evidence) moreShm() string {
	asked, limit := e.opts.Asked, e.o.Memory.Limit
	asked.Shm = resources.Auto
	switch {
	case limit > 0 && e.o.Shm.Size >= limit:
		next, ok := e.nextMemory()
		if !ok {
			return fmt.Sprintf("/dev/shm is as large as the memory limit, and this machine has no more than %s to give; make batches smaller or workers fewer", size(max(e.opts.MaxMemory, limit)))
		}
		return fmt.Sprintf("try %s: /dev/shm is as large as the memory limit already, against which it counts", withMemory(asked, next).Python())
	case e.opts.Asked.Shm == "":
		return fmt.Sprintf("try %s, which is as much as the memory limit of %s, against which it counts; without shm= it is 64 MiB on a cluster, too", asked.Python(), size(limit))
	default:
		return fmt.Sprintf("try %s, which is as much as the memory limit of %s, against which it counts", asked.Python(), size(limit))
	}
}

// shmHints are what /dev/shm may have to do with the failure of a program that
// row 10 does not cover.
func (e *evidence) shmHints() []string {
	switch {
	case !e.hasShm():
		return nil
	case e.shmSeenFull():
		return []string{fmt.Sprintf("/dev/shm of %s was full at one time; if that is why it failed, %s", size(e.o.Shm.Size), e.moreShm())}
	case e.noSpace():
		return []string{fmt.Sprintf("if it was /dev/shm that had no space left: it has %s, of which %s were seen used, and what does not fit is refused as a whole; %s",
			size(e.o.Shm.Size), size(e.shmUsed()), e.moreShm())}
	}
	return nil
}

// shmSurvived is worth knowing of a program that found /dev/shm full and went on.
func (e *evidence) shmSurvived() []string {
	if !e.shmSeenFull() || !e.sigbus() && !e.noSpace() {
		return nil
	}
	return []string{fmt.Sprintf("/dev/shm of %s was full, and it went on without what did not fit; %s", size(e.o.Shm.Size), e.moreShm())}
}
