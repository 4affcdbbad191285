// SPDX-License-Identifier: Apache-2.0

package top

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/go-cmp/cmp"

	"drydock/internal/report"
	"drydock/sandbox"
)

var update = flag.Bool("update", false, "write golden files")

var now = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

func some[T any](v T) *T { return &v }

// scene is three tasks that run and one that waits.
func scene() Snapshot {
	ramp := func(from, to int64, cores float64) []Point {
		var points []Point
		for i := range 60 {
			at := now.Add(time.Duration(i-59) * time.Second)
			p := Point{Time: at, Cores: some(cores * float64(i%10) / 9), Memory: from + (to-from)*int64(i)/59}
			if i > 20 {
				p.Disk = some(int64(i) << 24)
			}
			points = append(points, p)
		}
		return points
	}
	return Snapshot{Time: now, Cores: 8, Memory: 32 << 30, Disk: 100 << 30, Leased: &sandbox.Amounts{CPUMilli: 3500, Memory: 2 << 30, Disk: 1 << 30}, Tasks: []Task{
		{ID: "01M8C4H6RPHV58S26WCFG48XSH", Name: "waits", Status: "queued", Begun: now.Add(-time.Minute), Waiting: "waits until 4 CPU are free\x1b[2J"},
		{ID: "01M8C4H6R81ZARWH94ATBZFPZB", Name: "a rather long name of a task", Status: "running", Begun: now.Add(-3 * time.Hour), Attempt: 1,
			CPULimit: 1, Cores: some(0.25), MemoryLimit: 64 << 20, Memory: some(int64(16 << 20)), Recent: ramp(1<<20, 16<<20, 0.5)},
		{ID: "01M8C4H6R2TMN4RER3K2XAGMEH", Name: "near\nits limit", Status: "running", Begun: now.Add(-90 * time.Second), Attempt: 12,
			CPULimit: 2, Cores: some(1.99), MemoryLimit: 1 << 30, Memory: some(int64(1000 << 20)), Recent: ramp(0, 1000<<20, 2),
			DiskLimit: 1 << 30, Disk: some(int64(950 << 20))},
		{ID: "01M8C4H6QRTC4WBCCS9V0CS70B", Name: "just begun", Status: "running", Begun: now, Attempt: 1, CPULimit: 0.5, MemoryLimit: 32 << 20},
	}}
}

func TestGoldenText(t *testing.T) {
	for _, tc := range []struct {
		name string
		by   Order
		look Look
	}{
		{"wide", ByAge, Look{Unicode: true}},
		{"ascii", ByCPU, Look{Width: 130}},
		{"eighty", ByMemory, Look{Unicode: true, Width: 80, Height: 24}},
		{"narrow", ByMemory, Look{Unicode: true, Width: 40}},
		{"disk", ByDisk, Look{Unicode: true, Width: 160}},
		{"low", ByAge, Look{Unicode: true, Width: 130, Height: 5}},
		{"colour", ByMemory, Look{Unicode: true, Width: 130, Style: report.Style{Color: true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := scene()
			s.Sort(tc.by)
			got := Text(s, tc.look)
			if !tc.look.Style.Color {
				lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
				for _, line := range lines {
					if n := utf8.RuneCountInString(line); tc.look.Width > 0 && n > tc.look.Width {
						t.Errorf("%d wide: %s", n, line)
					}
				}
				if h := tc.look.Height; h > 0 && len(lines) > h {
					t.Errorf("%d lines", len(lines))
				}
				if strings.ContainsRune(got, '\x1b') {
					t.Error("a task's own words reach the terminal as they are")
				}
			}
			golden(t, tc.name+".txt", got)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestBuckets(t *testing.T) {
	at := func(ago time.Duration, v float64) Point { return Point{Time: now.Add(-ago), Cores: &v} }
	cores := func(p Point) (float64, bool) { return *p.Cores, true }
	points := []Point{at(90*time.Second, 9), at(55*time.Second, 1), at(52*time.Second, 3), at(25*time.Second, 2), at(-time.Second, 5)}
	got := buckets(points, now, 6, cores)
	if d := cmp.Diff([]float64{3, 3, 3, 2, 2, 5}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Keys sort and end; a source that fails ends it, too.
func TestUpdate(t *testing.T) {
	key := func(s string) tea.Msg { return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(s)} }
	m := model{ctx: context.Background(), interval: time.Hour, order: ByAge,
		source: func(context.Context) (Snapshot, error) { return scene(), nil }}
	next := func(msg tea.Msg) tea.Cmd {
		t.Helper()
		got, cmd := m.Update(msg)
		m = got.(model)
		return cmd
	}
	if !strings.Contains(m.View(), "looking") {
		t.Errorf("before the first look: %s", m.View())
	}
	next(m.Init()())
	next(tea.WindowSizeMsg{Width: 100, Height: 20})
	for _, tc := range []struct{ key, first string }{{"m", "near"}, {"c", "near"}, {"a", "a rather"}, {"d", "near"}} {
		next(key(tc.key))
		lines := strings.Split(m.View(), "\n")
		if len(lines) < 5 || !strings.Contains(lines[4], tc.first) {
			t.Errorf("%s: %s", tc.key, m.View())
		}
	}
	for _, k := range []tea.Msg{key("q"), tea.KeyMsg{Type: tea.KeyCtrlC}} {
		if cmd := next(k); cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%v does not end it", k)
		}
	}
	broken := errors.New("broken")
	if cmd := next(taken{err: broken}); cmd == nil || cmd() != tea.Quit() || !errors.Is(m.err, broken) {
		t.Errorf("a failure does not end it: %v", m.err)
	}
}
