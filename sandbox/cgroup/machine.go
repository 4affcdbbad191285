// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"strconv"
	"strings"
)

const hugepageDir = "/sys/kernel/mm/hugepages"

// HugePageSizes are the machine's huge page sizes as the hugetlb controller
// spells them ("2MB", "1GB").
func HugePageSizes() []string {
	var sizes []string
	for _, kb := range hugepageKB() {
		sizes = append(sizes, hugepageName(kb))
	}
	return sizes
}

// hugepageKB lists the machine's huge page sizes in KiB.
func hugepageKB() []int {
	entries, _ := os.ReadDir(hugepageDir)
	var sizes []int
	for _, e := range entries {
		text := strings.TrimSuffix(strings.TrimPrefix(e.Name(), "hugepages-"), "kB")
		if kb, err := strconv.Atoi(text); err == nil {
			sizes = append(sizes, kb)
		}
	}
	return sizes
}

// hugepageName is a size as the hugetlb controller's files spell it.
func hugepageName(kb int) string {
	switch {
	case kb >= 1<<20:
		return strconv.Itoa(kb>>20) + "GB"
	case kb >= 1<<10:
		return strconv.Itoa(kb>>10) + "MB"
	}
	return strconv.Itoa(kb) + "KB"
}

// HugePagesHere reports whether any huge page could be had.
func HugePagesHere() bool {
	for _, kb := range hugepageKB() {
		dir := hugepageDir + "/hugepages-" + strconv.Itoa(kb) + "kB/"
		for _, file := range []string{"nr_hugepages", "nr_overcommit_hugepages"} {
			data, _ := os.ReadFile(dir + file)
			if n, _ := strconv.Atoi(strings.TrimSpace(string(data))); n > 0 {
				return true
			}
		}
	}
	return false
}

// SwapHere reports whether any swap is on (proc_swaps(5)).
func SwapHere() bool {
	data, _ := os.ReadFile("/proc/swaps")
	return strings.Count(string(data), "\n") > 1
}
