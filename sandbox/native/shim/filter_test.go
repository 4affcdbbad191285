// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestFilterStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	path, err := filterFile(dir, &specs.LinuxSeccomp{DefaultAction: specs.ActErrno})
	if err != nil {
		t.Fatal(err)
	}
	if other, _ := filterFile(dir, &specs.LinuxSeccomp{DefaultAction: specs.ActAllow}); other == path {
		t.Error("two profiles share a file")
	}
	if loadFilter(path) != nil {
		t.Error("a filter that is not there was loaded")
	}
	code := bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 100)
	if err := storeFilter(path, code); err != nil {
		t.Fatal(err)
	}
	if got := loadFilter(path); !bytes.Equal(got, code) {
		t.Errorf("%d bytes came back", len(got))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 1, 31, 32, 40, len(data) - 1} {
		if err := os.WriteFile(path, data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		if loadFilter(path) != nil {
			t.Errorf("a file of %d bytes was loaded", cut)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestStageWords(t *testing.T) {
	filter := bytes.Repeat([]byte{9}, 2*bpfInstruction)
	got := stageWords(filter, toBytes([]string{"a", ""}), toBytes([]string{"X=\xff"}))
	var want []byte
	want = binary.NativeEndian.AppendUint32(want, 0)
	want = append(binary.NativeEndian.AppendUint32(want, 2), filter...)
	want = append(binary.NativeEndian.AppendUint32(want, 2), "a\x00\x00"...)
	want = append(binary.NativeEndian.AppendUint32(want, 1), "X=\xff\x00"...)
	if !bytes.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestMemoryFileIsSealed(t *testing.T) {
	f, err := memoryFile("words", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("it can be changed")
	}
}
