// SPDX-License-Identifier: Apache-2.0

package health

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"drydock/gpu"
	"drydock/internal/need"
)

func TestMain(m *testing.M) { os.Exit(need.Main(m)) }

func two() gpu.Inventory {
	return gpu.Inventory{Devices: []gpu.Device{{ID: "GPU-0"}, {ID: "GPU-1"}}}
}

func healths(inv gpu.Inventory) [2]string {
	return [2]string{inv.Devices[0].Health, inv.Devices[1].Health}
}

func mustAdd(t *testing.T, dir string, id gpu.ID, code int) {
	t.Helper()
	if err := Add(dir, gpu.XID{GPU: id, Code: code}, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// Case 39: an error of the GPU's own is remembered until somebody asks, and a
// look then finds it well. A program's fault is none.
func TestMarks(t *testing.T) {
	dir := t.TempDir()
	mustAdd(t, dir, "GPU-0", 79)
	mustAdd(t, dir, "GPU-0", 119) // follows from it
	mustAdd(t, dir, "GPU-1", 31)
	inv := two()
	got := healths(Apply(dir, inv))
	if got != [2]string{"XID 79, it fell off the bus", ""} {
		t.Errorf("they are %q", got)
	}
	if healths(inv) != [2]string{} {
		t.Error("the inventory that was given has changed")
	}
	lost := two()
	lost.Devices[0].Health = "the GPU is lost"
	if got := healths(Apply(dir, lost)); got[0] != "the GPU is lost" {
		t.Errorf("its own word is %q", got[0])
	}
	if cleared, err := Clear(dir, lost); len(cleared) != 0 || err != nil {
		t.Errorf("%v are cleared that are not well: %v", cleared, err)
	}
	if cleared, err := Clear(dir, two()); len(cleared) != 1 || cleared[0] != "GPU-0" || err != nil {
		t.Errorf("%v are cleared: %v", cleared, err)
	}
	if got := healths(Apply(dir, two())); got != [2]string{} {
		t.Errorf("afterwards they are %q", got)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// A mark does not outlive the boot, which resets the GPU, and a new one counts.
func TestBoot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "unhealthy-GPU-0.0")
	if err := os.WriteFile(path, []byte(`{"xid":79,"boot":"another"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := healths(Apply(dir, two())); got[0] != "" {
		t.Errorf("of another boot: %q", got[0])
	}
	mustAdd(t, dir, "GPU-0", 48)
	if got := healths(Apply(dir, two())); !strings.HasPrefix(got[0], "XID 48,") {
		t.Errorf("of this boot: %q", got[0])
	}
}

// In a directory where everybody writes, nothing but plain marks is read, and
// nothing waited for.
func TestStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(`{"xid":79,"boot":"`+boot()+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "unhealthy-GPU-0.1")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "unhealthy-GPU-0.2"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"unhealthy-GPU-1.x": "", "unhealthy-GPU-1.1": "nonsense", "unhealthy-.1": "{}", "01M8BSZ23RDZBS092ZMWJQ8SXB.1": "{}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := healths(Apply(dir, two())); got != [2]string{} {
		t.Errorf("they are %q", got)
	}
	if err := Add(dir, gpu.XID{GPU: "GPU-../../x", Code: 79}, time.Now()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "../../x.0")); err == nil {
		t.Error("a name leads out of the directory")
	}
	if err := Add(filepath.Join(dir, "gone"), gpu.XID{GPU: "GPU-0", Code: 79}, time.Now()); err == nil || !strings.Contains(err.Error(), "GPU-0 is unhealthy (XID 79") {
		t.Errorf("without a directory: %v", err)
	}
}

// What somebody else has put in a mark's place neither keeps a GPU from being
// marked, nor is one by itself, nor stays in the way of clearing.
func TestForged(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, fmt.Sprintf("unhealthy-GPU-0.%d", os.Getuid()))
	if err := os.MkdirAll(filepath.Join(taken, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"31", "0", "-5"} { // a program's fault, and nonsense
		text := `{"xid":` + code + `,"boot":"` + boot() + `"}`
		if err := os.WriteFile(filepath.Join(dir, "unhealthy-GPU-1.1"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := healths(Apply(dir, two())); got != [2]string{} {
			t.Errorf("with XID %s they are %q", code, got)
		}
	}
	mustAdd(t, dir, "GPU-0", 79)
	mustAdd(t, dir, "GPU-0", 79)
	if got := healths(Apply(dir, two())); got != [2]string{"XID 79, it fell off the bus", ""} {
		t.Errorf("they are %q", got)
	}
	if own, _ := filepath.Glob(taken + ".*"); len(own) != 1 {
		t.Errorf("the same error twice made %v", own)
	}
	if cleared, err := Clear(dir, two()); len(cleared) != 1 || cleared[0] != "GPU-0" || err != nil {
		t.Errorf("%v are cleared: %v", cleared, err)
	}
	if got := healths(Apply(dir, two())); got != [2]string{} {
		t.Errorf("afterwards they are %q", got)
	}
}

// Of another user's mark nobody is the master but he and root.
func TestAnothersMark(t *testing.T) {
	need.Root(t)
	dir := t.TempDir()
	path := filepath.Join(dir, fmt.Sprintf("unhealthy-GPU-0.%d", os.Getuid()))
	if err := os.WriteFile(path, []byte(`{"xid":79,"boot":"`+boot()+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	mustAdd(t, dir, "GPU-0", 48) // the other may take his away again
	if m, err := read(path); err != nil || m.uid != 0 || m.Code != 48 {
		t.Errorf("%+v, %v", m, err)
	}
}
