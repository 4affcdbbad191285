// SPDX-License-Identifier: Apache-2.0

// Package usage records what an attempt's devices are used for over time, and
// says what of it was the attempt's own.
//
// The record is a file of lines beside the attempt's other samples: first what
// it has (see Device), then a Sample for each look (see discover.Watch). It is
// appended to, so that it outlives whoever writes it; another one goes on.
// Create or Open gives a Recorder, Read what was recorded, and Sum what there
// is to say of it in a few numbers.
package usage
