// SPDX-License-Identifier: Apache-2.0

package timeline

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"drydock/internal/report"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make docs writes it)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s: -file +program (make docs accepts the program's):\n%s", path, diff)
	}
}

func render(t testing.TB, r *Report, f Format, o Options) []byte {
	t.Helper()
	o.Generator = "drydock 1.2.3"
	var b bytes.Buffer
	if err := Write(&b, r, f, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGoldenText(t *testing.T) {
	for name, s := range scenes {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".txt", render(t, s.load(t, true), Text, Options{Unicode: true, Width: 90}))
		})
	}
	t.Run("ascii", func(t *testing.T) {
		golden(t, "timeout.ascii.txt", render(t, scenes["timeout"].load(t, true), Text, Options{Width: 60}))
	})
	t.Run("color", func(t *testing.T) {
		golden(t, "oom.color.txt", render(t, scenes["oom"].load(t, true), Text, Options{Unicode: true, Style: report.Style{Color: true}}))
	})
	t.Run("one attempt of several", func(t *testing.T) {
		r := scenes["retry"].load(t, true)
		r.Attempts = r.Attempts[:1]
		golden(t, "retry.first.txt", render(t, r, Text, Options{Unicode: true}))
	})
	t.Run("lost", func(t *testing.T) {
		golden(t, "lost.txt", render(t, scenes["running"].load(t, false), Text, Options{Unicode: true}))
	})
}

func TestGoldenHTML(t *testing.T) {
	for _, name := range []string{"leap", "sudden", "hostile", "start-failed", "disk", "gpu"} {
		t.Run(name, func(t *testing.T) {
			golden(t, name+".html", render(t, scenes[name].load(t, true), HTML, Options{}))
		})
	}
}

func TestGoldenData(t *testing.T) {
	for _, name := range []string{"leap", "running", "disk", "gpu"} {
		t.Run(name, func(t *testing.T) {
			r := scenes[name].load(t, true)
			golden(t, name+".json", render(t, r, JSON, Options{}))
			golden(t, name+".csv", render(t, r, CSV, Options{}))
		})
	}
}

// With TIMELINE_PAGES=DIR every scene is written there as a page, to be looked
// at: goldens say that a picture has not changed, not that it is a good one.
func TestPages(t *testing.T) {
	dir := os.Getenv("TIMELINE_PAGES")
	if dir == "" {
		t.Skip("TIMELINE_PAGES is not set")
	}
	all := map[string]*Report{"long": long(100_000)}
	for name, s := range scenes {
		all[name] = s.load(t, true)
	}
	for name, r := range all {
		page := render(t, r, HTML, Options{})
		if err := os.WriteFile(filepath.Join(dir, name+".html"), page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// The pictures that the documentation shows are the golden ones: a block that
// begins with the comment <!-- timeline NAME --> holds, behind its command
// lines ("$ …"), what testdata/NAME.txt holds.
func TestGoldenInDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)(<!-- timeline ([a-z.-]+) -->\n```console\n(?:\\$ [^\n]*\n)*).*?(```\n)")
	shown := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		now := block.ReplaceAllFunc(text, func(old []byte) []byte {
			shown++
			part := block.FindSubmatch(old)
			picture := render(t, scenes[string(part[2])].load(t, true), Text, Options{Unicode: true, Width: 90})
			return slices.Concat(part[1], picture, part[3])
		})
		if *update && !bytes.Equal(now, text) {
			err = os.WriteFile(page, now, 0o644)
		} else if diff := cmp.Diff(string(text), string(now)); diff != "" {
			t.Errorf("%s shows an old picture (make docs): -file +program\n%s", page, diff)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if shown == 0 {
		t.Error("no picture is shown anywhere in the documentation")
	}
}
