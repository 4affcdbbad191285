// SPDX-License-Identifier: Apache-2.0

package engines

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"drydock/internal/need"
)

// standardPath is what images say that programs are looked up in.
const standardPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Busybox needs a static busybox on this machine, and returns the name of an
// image in e that holds it with all its applets (2 MB): /bin/sh and the like,
// users root and nobody, no command and no entrypoint.
func Busybox(t testing.TB, e *Engine) string {
	t.Helper()
	program := staticBusybox(t)
	const image = "drydock-test/busybox:1"
	return e.once(t, image, func() error {
		files, err := busyboxFiles(program)
		if err != nil {
			return err
		}
		return e.load(image, []string{"ENV " + standardPath}, files)
	})
}

func staticBusybox(t testing.TB) string {
	t.Helper()
	program := need.Program(t, "busybox")
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			need.Skip(t, "busybox", "needs a static busybox (Debian's busybox-static)")
		}
	}
	return program
}

// busyboxFiles is the root file system, in tar format.
func busyboxFiles(program string) (*bytes.Buffer, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	applets, err := exec.Command(program, "--list").Output()
	if err != nil {
		return nil, err
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	for dir, mode := range map[string]int64{"bin/": 0o755, "etc/": 0o755, "home/": 0o755, "root/": 0o700, "tmp/": 0o1777, "usr/": 0o755, "usr/bin/": 0o755, "var/": 0o755} {
		err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: mode})
		if err != nil {
			return nil, err
		}
	}
	for _, f := range []struct {
		name, content string
		mode          int64
	}{
		{"bin/busybox", string(content), 0o755},
		{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0o644},
		{"etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644},
	} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(f.content)); err != nil {
			return nil, err
		}
	}
	for applet := range strings.FieldsSeq(string(applets)) {
		if applet == "busybox" {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: path.Join("bin", applet), Linkname: "busybox", Mode: 0o777}); err != nil {
			return nil, err
		}
	}
	return &files, w.Close()
}
