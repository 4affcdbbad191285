// SPDX-License-Identifier: Apache-2.0

package sandbox

import "time"

// Over reports whether more was used than the limit, at the last look, where
// nothing stops a write beyond it.
func (d *Disk) Over() bool { return d.Used-d.Held > d.Limit }

// HardDisk is a place on disk that takes no more than its size, as the file
// system that holds it has counted. Sizes are bytes.
type HardDisk struct {
	Way  string `json:"way"`  // "quota", "loop"; of a container engine: "engine"
	Size int64  `json:"size"` // the limit
	Used int64  `json:"used"` // at the end
	Peak int64  `json:"peak"` // the most that was seen
	// NoFiles says that it was seen without an inode for another file.
	NoFiles bool `json:"no_files,omitempty"`
	// Lost says that something which the program had written did not reach
	// the machine's disk.
	Lost bool `json:"lost,omitempty"`
}

// FullDisk is a file system of this machine when it had least room. Sizes are
// bytes.
type FullDisk struct {
	Path string    `json:"path"` // a place on it
	Size int64     `json:"size"`
	Free int64     `json:"free"` // for programs without root's rights
	Time time.Time `json:"time"` // when it was seen first
	// NoFiles says that there was no inode for another file.
	NoFiles bool `json:"no_files,omitempty"`
}
