// SPDX-License-Identifier: Apache-2.0

package sandboxtest

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"drydock/internal/need"
	"drydock/sandbox"
)

// suite is one run of Conformance.
type suite struct {
	Backend
	sandbox sandbox.Sandbox
	hog     string
}

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
)

// hang is when an attempt of the suite counts as hung; a guest's processor may
// be emulated.
var hang = map[bool]time.Duration{false: time.Minute, true: 5 * time.Minute}[need.InGuest()]

//go:embed testdata/hog.c
var hogSource []byte

func newSuite(t *testing.T, b Backend) *suite {
	t.Helper()
	s := &suite{Backend: b, hog: b.Program}
	if s.hog == "" {
		s.hog = BuildHog(t, t.TempDir())
	}
	s.sandbox = b.New(t)
	return s
}

// BuildHog compiles the suite's program into dir and returns its path. What
// it does is written at the top of testdata/hog.c.
func BuildHog(t testing.TB, dir string) string {
	t.Helper()
	gcc := need.Program(t, "gcc")
	source, program := filepath.Join(dir, "hog.c"), filepath.Join(dir, "hog")
	if err := os.WriteFile(source, hogSource, 0o644); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), gcc, "-O1", "-static", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("building hog: %v\n%s", err, output)
	}
	return program
}

// spec is an attempt that runs hog with these words, within 64 MiB, and with
// nothing else out of the ordinary.
func (s *suite) spec(t testing.TB, words ...string) sandbox.Spec {
	t.Helper()
	work := t.TempDir()
	program := filepath.Join(work, "hog")
	if s.Program != "" {
		program = s.Program
	} else if err := copyProgram(s.hog, program); err != nil {
		t.Fatal(err)
	}
	// TempDir is private to its owner, but attempts run as other users too.
	for dir := work; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return sandbox.Spec{
		ID: ulid.Make().String(), Attempt: 1, Dir: t.TempDir(),
		Args:    append([]string{program}, words...),
		Env:     []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		WorkDir: work,
		Network: sandbox.NetworkHost,
		Caps:    sandbox.CapsDefault,
		Grace:   300 * time.Millisecond,
		Limits: sandbox.Limits{
			CPUShares: 1024, CPUPeriod: 100_000,
			Memory: 64 * mib, GroupKill: true, ShmSize: 16 * mib,
			Pids: 256, OOMScoreAdj: 500, NoFile: 1024,
		},
	}
}

// copyProgram copies rather than links: a hard link would let a program that
// overwrites itself spoil all others.
func copyProgram(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}
