// SPDX-License-Identifier: Apache-2.0

package executor

import (
	"math"

	"drydock/resources"
)

// withMemory returns r with another memory limit. A scalar stays one; a pair
// keeps the proportion of its request to its limit, so that a task that was
// Burstable stays it. What was asked besides memory stays, because an
// override replaces everything.
func withMemory(r resources.Resources, limit resources.Quantity) resources.Resources {
	request := scaledRequest(r.Memory, limit)
	if request == "" {
		r.Memory = resources.Of(limit)
	} else {
		r.Memory = resources.Range{Request: request, Limit: limit}
	}
	return r
}

// scaledRequest is "" when memory was no pair, or none that can be read.
func scaledRequest(memory resources.Range, limit resources.Quantity) resources.Quantity {
	if memory.Request == "" || memory.Limit == "" {
		return ""
	}
	oldRequest, oldLimit, newLimit := bytesOf(memory.Request), bytesOf(memory.Limit), bytesOf(limit)
	if oldRequest <= 0 || oldLimit <= 0 || oldRequest >= oldLimit {
		return ""
	}
	const mebi = 1 << 20
	scaled := math.Ceil(float64(oldRequest)/float64(oldLimit)*float64(newLimit)/mebi) * mebi
	return resources.Quantity(resources.FormatSize(min(int64(scaled), newLimit)))
}

// bytesOf is 0 for what is no size.
func bytesOf(q resources.Quantity) int64 {
	n, err := resources.ParseSize(string(q))
	if err != nil {
		return 0
	}
	return n
}
