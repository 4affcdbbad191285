// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// tally counts the ends of tests.
type tally struct {
	passed, failed, skipped int
	reasons                 map[string]int  // of skips
	blamed                  map[string]bool // packages with a failed test
}

func (t *tally) add(o tally) {
	t.passed += o.passed
	t.failed += o.failed
	t.skipped += o.skipped
	for reason, n := range o.reasons {
		t.skip(reason, n)
	}
}

func (t *tally) skip(reason string, n int) {
	if t.reasons == nil {
		t.reasons = map[string]int{}
	}
	t.reasons[reason] += n
}

func (t *tally) line() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", t.passed, t.failed, t.skipped)
}

func (t *tally) whySkipped() string {
	var b strings.Builder
	order := slices.SortedFunc(maps.Keys(t.reasons), func(a, b string) int {
		return cmp.Or(t.reasons[b]-t.reasons[a], strings.Compare(a, b))
	})
	for _, reason := range order {
		fmt.Fprintf(&b, "skipped %d: %s\n", t.reasons[reason], reason)
	}
	return b.String()
}

// event is a line of go test -json (cmd/test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of a build
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// follow reads the events of one go test and prints what a person wants to
// see: a line for each package, and the output of what failed.
func follow(in io.Reader, out io.Writer) (tally, error) {
	var t tally
	texts := map[string]*strings.Builder{} // output by package and test
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprintf(out, "%s", line)
			} else {
				t.event(e, texts, out)
			}
		}
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return t, err
		}
	}
}

func (t *tally) event(e event, texts map[string]*strings.Builder, out io.Writer) {
	id := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if texts[id] == nil {
			texts[id] = &strings.Builder{}
		}
		texts[id].WriteString(e.Output)
		return
	case "build-fail":
		fmt.Fprintf(out, "%s", text(texts[id]))
	case "pass", "fail", "skip":
		t.end(e, text(texts[id]), out)
	default:
		return
	}
	delete(texts, id)
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}

// end counts a test that ended, or prints the line of a package that did.
func (t *tally) end(e event, text string, out io.Writer) {
	isTest := e.Test != ""
	switch {
	case isTest && e.Action == "pass":
		t.passed++
	case isTest && e.Action == "skip":
		t.skipped++
		t.skip(skipReason(text), 1)
	case isTest:
		t.failed++
		if t.blamed == nil {
			t.blamed = map[string]bool{}
		}
		t.blamed[e.Package] = true
		fmt.Fprintf(out, "--- FAIL %s %s\n%s", e.Package, e.Test, text)
	case e.Action == "fail":
		if !t.blamed[e.Package] { // it was not built, ran out of time, or broke apart
			t.failed++
		}
		fmt.Fprintf(out, "FAIL %s (%.1f s)\n%s", e.Package, e.Elapsed, text)
	case e.Action == "pass" && e.Elapsed > 0:
		fmt.Fprintf(out, "ok   %s (%.1f s)\n", e.Package, e.Elapsed)
	}
}

var skipLine = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)

// skipReason is what the test said when it skipped itself.
func skipReason(text string) string {
	if all := skipLine.FindAllStringSubmatch(text, -1); len(all) > 0 {
		return all[len(all)-1][1]
	}
	return "no reason given"
}
