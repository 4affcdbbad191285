// SPDX-License-Identifier: Apache-2.0

package options

import (
	"fmt"
	"strconv"
	"time"

	"drydock/resources"
)

// Bounds of what is kept of a log. A kubelet takes any size, and at least 2
// files; less than a few lines, or more than anybody reads, is a slip.
const (
	leastLogSize  = 1 << 20
	mostLogFiles  = 1000
	leastLogFiles = 2
)

// LogSize reads how large one file of a log grows, in bytes.
func LogSize(s string) (int64, error) {
	n, err := resources.ParseSize(s)
	if err != nil {
		return 0, err
	}
	if n < leastLogSize {
		return 0, fmt.Errorf("%s is too small for a file of a log; accepted: %s or more", s, resources.FormatSize(leastLogSize))
	}
	return n, nil
}

// LogFiles reads how many files of a log are kept.
func LogFiles(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < leastLogFiles || n > mostLogFiles {
		return 0, fmt.Errorf("%q is no number of files of a log; accepted: %d to %d", s, leastLogFiles, mostLogFiles)
	}
	return n, nil
}

// off is the word for a rule that does not apply.
const off = "off"

// RetainFor reads how long ended tasks are kept; nil: as long as anybody likes.
func RetainFor(s string) (*time.Duration, error) {
	if s == off {
		return nil, nil
	}
	d, err := Wait(s)
	if err != nil {
		return nil, fmt.Errorf("%w; or off", err)
	}
	return &d, nil
}

// RetainTasks reads how many ended tasks are kept; nil: all.
func RetainTasks(s string) (*int, error) {
	if s == off {
		return nil, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("%q is no number of tasks; accepted: 1 or more, off", s)
	}
	return &n, nil
}

// RetainSize reads how much disk ended tasks may take, in bytes; nil: any, 0:
// what is usual.
func RetainSize(s string) (*int64, error) {
	if s == off {
		return nil, nil
	}
	if s == "" {
		return new(int64), nil
	}
	n, err := resources.ParseSize(s)
	if err != nil {
		return nil, fmt.Errorf("%w; or off", err)
	}
	if n <= 0 {
		return nil, fmt.Errorf("%s leaves no task; accepted: a size such as 20Gi, off", s)
	}
	return &n, nil
}
