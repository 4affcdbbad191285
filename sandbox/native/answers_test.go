// SPDX-License-Identifier: Apache-2.0

package native

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A file system of this machine's is waited for, and one of another machine
// only for a while, as is what lies below it.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := map[string]time.Duration{
			"/data": 30 * time.Second, "/dead": time.Hour, "/dead/local": time.Hour, "/far": time.Second, "/usr": 0,
		}
		var mounts []hostMount
		for _, point := range slices.Sorted(maps.Keys(takes)) {
			kind := "ext4"
			if point == "/dead" || point == "/far" {
				kind = "nfs4"
			}
			mounts = append(mounts, hostMount{point: point, fstype: kind})
		}
		mounts = append(mounts, hostMount{point: "/vmlinuz", file: true})
		begun := time.Now()
		got := silent(mounts, func(point string) bool {
			time.Sleep(takes[point])
			return true
		})
		if want := []string{"/dead", "/dead/local"}; !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
			t.Errorf("silent are %v, want %v", got, want)
		}
		if took := time.Since(begun); took != 30*time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(time.Hour) // those that asked come back
	})
}

// An answer that has come counts although the time was over before this
// process could look.
func TestHeardLate(t *testing.T) {
	answer, over := make(chan bool, 1), make(chan struct{})
	close(over)
	for range 100 { // the order in which a select takes what is ready is random
		answer <- true
		if !heard(answer, over) {
			t.Fatal("it is taken for silent")
		}
	}
}

func TestIsDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/": true, file: false, "/does-not-exist": false} {
		if isDirectory(path) != want {
			t.Errorf("isDirectory(%s) = %v", path, !want)
		}
	}
}
