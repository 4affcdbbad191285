// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"fmt"
	"time"
)

// abandonedAfter is how long a multipart upload may go without a new part.
const abandonedAfter = 24 * time.Hour

// sweep removes what an earlier process left: all of tmp, as the lock proves
// that nobody is writing it, and abandoned uploads.
func (s *Store) sweep() error {
	left, err := s.readDir(tmpDir)
	if err != nil {
		return err
	}
	for _, f := range left {
		if err := s.root.RemoveAll(tmpDir + "/" + f.Name()); err != nil {
			return fmt.Errorf("remove a temporary file: %w", err)
		}
	}
	return s.sweepUploads()
}

// sweepUploads removes uploads that nothing happened to for long, and those of
// before a reboot, whose parts may not have reached the disk.
func (s *Store) sweepUploads() error {
	s.nextSweep.Store(s.opts.Now().Add(time.Hour).Unix())
	ids, err := s.readDir(uploadsDir)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.sweepUpload(id.Name()); err != nil {
			return fmt.Errorf("remove an abandoned upload: %w", err)
		}
	}
	return nil
}

func (s *Store) sweepUpload(id string) error {
	defer s.uploads.of(id)()
	if !s.abandoned(id) {
		return nil
	}
	return s.dropUpload(id)
}

func (s *Store) abandoned(id string) bool {
	fi, err := s.root.Lstat(uploadDir(id))
	if err != nil { // gone meanwhile
		return false
	}
	if s.opts.Now().Sub(fi.ModTime()) > abandonedAfter {
		return true
	}
	u, err := s.readUpload(id)
	// A directory without its record is one that is being made, and will be a
	// day old some day.
	return err == nil && u.Boot != bootID()
}

// sweepNowAndThen is for a process that runs for long. What fails is tried
// again in an hour.
func (s *Store) sweepNowAndThen() {
	next := s.nextSweep.Load()
	if s.opts.Now().Unix() < next || !s.nextSweep.CompareAndSwap(next, next+3600) {
		return
	}
	if err := s.sweepUploads(); err != nil {
		s.opts.Log.Error("sweep", "error", err)
	}
}
