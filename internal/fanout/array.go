// SPDX-License-Identifier: Apache-2.0

package fanout

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxTasks is how many tasks one fan-out may have.
const MaxTasks = 100_000

// maxIndex is the largest index of an array. Indices are padded, shifted and
// multiplied in scripts: they fit 32 bits in every language.
const maxIndex = 1<<31 - 1

const arrayForms = "accepted: indices and ranges with commas between, such as 0-999, 0-9:2 (every second) or 1,3,5-7"

// ParseArray reads the indices of an array in the notation of Slurm's --array:
// "0-9", "0-9:2", "1,3,5-7". They come in the order written, each once, and
// there are at most MaxTasks.
func ParseArray(text string) ([]int, error) {
	var all []int
	seen := map[int]bool{}
	for _, part := range strings.Split(text, ",") {
		first, last, step, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("array %q: %w; %s", text, err, arrayForms)
		}
		if (last-first)/step+1 > MaxTasks-len(all) {
			return nil, fmt.Errorf("array %q has more than %d indices; split it", text, MaxTasks)
		}
		for i := first; i <= last; i += step {
			if seen[i] {
				return nil, fmt.Errorf("array %q has the index %d twice; write it once", text, i)
			}
			seen[i] = true
			all = append(all, i)
		}
	}
	return all, nil
}

// parseRange reads N, N-M or N-M:STEP.
func parseRange(text string) (first, last, step int, err error) {
	bounds, stepText, stepped := strings.Cut(text, ":")
	from, to, isRange := strings.Cut(bounds, "-")
	if _, limit, ok := strings.Cut(text, "%"); ok {
		return 0, 0, 0, fmt.Errorf("%q: how many run at a time is --max-parallel %s", text, limit)
	}
	if first, err = parseIndex(from); err != nil {
		return 0, 0, 0, err
	}
	last, step = first, 1
	if isRange {
		if last, err = parseIndex(to); err != nil {
			return 0, 0, 0, err
		}
	}
	if stepped {
		if step, err = parseIndex(stepText); err != nil {
			return 0, 0, 0, err
		}
	}
	switch {
	case stepped && !isRange:
		return 0, 0, 0, fmt.Errorf("%q has a step and no range", text)
	case step == 0:
		return 0, 0, 0, fmt.Errorf("%q has a step of 0", text)
	case last < first:
		return 0, 0, 0, fmt.Errorf("%q ends before it begins", text)
	}
	return first, last, step, nil
}

func parseIndex(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case text == "":
		return 0, fmt.Errorf("an index is missing")
	case err != nil || text[0] == '+':
		return 0, fmt.Errorf("%q is no index", text)
	case n > maxIndex:
		return 0, fmt.Errorf("%s is more than %d", text, maxIndex)
	}
	return int(n), nil
}
