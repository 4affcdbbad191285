// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// Every attempt is filtered: the first by the runtime, the next ones by the
// filter that was kept, and also when what was kept is spoilt.
func TestSeccompFilter(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	filtered := func(when string) {
		t.Helper()
		r := h.run(t, "run", "--memory", "64Mi", "--json", "--", "grep", "-E", "^(Seccomp|NoNewPrivs)", "/proc/self/status")
		r.want(t, 0, "succeeded")
		if got, want := r.output("stdout"), "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"; got != want {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
		// unshare of a user namespace is what moby's profile refuses without CAP_SYS_ADMIN.
		r = h.run(t, "run", "--memory", "64Mi", "--json", "--", "unshare", "-U", "true")
		r.want(t, 1, "failed")
	}
	filtered("the first attempts")
	kept, err := filepath.Glob(filepath.Join(h.state(), "cache", "seccomp-*.bpf"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("filters kept: %v, %v", kept, err)
	}
	filtered("with the filter that was kept")
	content, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, spoilt := range map[string][]byte{
		"cut short": content[:len(content)/2],
		"empty":     nil,
		"one bit":   append([]byte{content[0] ^ 1}, content[1:]...),
	} {
		if err := os.WriteFile(kept[0], spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		filtered(name)
	}
}

// A filter that is kept must not change how a start fails, or what arguments are.
func TestStartWithKeptFilter(t *testing.T) {
	nothingLeft(t)
	h := newHome(t)
	work := h.work(t)
	for name, text := range map[string]string{"no-first-line": "echo hi\n", "bad-interpreter": "#!/no/such/program\n"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(work, "plain"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the filter is there
		for _, tc := range []struct {
			program string
			exit    int
		}{{"no-such-program", 127}, {"./no/such", 127}, {"./bad-interpreter", 127}, {"./no-first-line", 126}, {"./plain", 126}, {"/etc", 126}} {
			h.run(t, "run", "--memory", "64Mi", "--json", "--", tc.program).want(t, tc.exit, "start-failed")
		}
		r := h.run(t, "run", "--memory", "64Mi", "--json", "--",
			"sh", "-c", `printf '%s|' "$@" | od -An -tx1 | tr -d ' \n'`, "sh", "", "a b", "\xff\xfe", "ü")
		r.want(t, 0, "succeeded")
		if got, want := r.output("stdout"), "7c6120627cfffe7cc3bc7c"; got != want {
			t.Errorf("arguments arrived as %q, want %q", got, want)
		}
	}
}
