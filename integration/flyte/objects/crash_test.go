// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The test program runs itself as a child that is killed: envChild is the
// store's directory, envStep the step at which it kills itself, or empty for
// one that writes until it is killed.
const (
	envChild = "DRYDOCK_OBJECTS_CHILD"
	envStep  = "DRYDOCK_OBJECTS_STEP"
)

func child(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if os.Getenv(envStep) == "" {
		writeForever(s)
	}
	left, _ := strconv.Atoi(os.Getenv(envStep))
	s.at = func(string) {
		if left--; left == 0 {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	for _, change := range changes {
		if err := change.do(s); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("done", change.key)
	}
	os.Exit(0)
}

// changes are what the child does one after the other. Each makes one object
// another one; "" is none.
var changes = []struct {
	key, before, after string
	do                 func(*Store) error
}{
	// As long as what it replaces, so that the two differ in time only.
	{"replaced", "old", "new", func(s *Store) error { return putTyped(s, "replaced", "new") }},
	{"new/in/new/directories", "", "new", func(s *Store) error { return putTyped(s, "new/in/new/directories", "new") }},
	{"file/below/an/object", "", "new", func(s *Store) error { return putTyped(s, "file/below/an/object", "new") }},
	{"directory", "", "object", func(s *Store) error { return putTyped(s, "directory", "object") }},
	{"directory/deleted", "old", "", func(s *Store) error { return s.Delete(context.Background(), "directory/deleted") }},
	{"copied", "", "kept", func(s *Store) error {
		_, err := s.copyObject(context.Background(), "kept", "copied", PutOptions{}, false)
		return err
	}},
	{"uploaded", "old", "part 1part 2", func(s *Store) error {
		parts, err := s.parts(onlyUpload(s))
		if err != nil {
			return err
		}
		var all []part
		for _, p := range parts {
			all = append(all, part{p.PartNumber, unquote(p.ETag)})
		}
		_, err = s.completeUpload(context.Background(), "uploaded", onlyUpload(s), all)
		return err
	}},
}

func onlyUpload(s *Store) string {
	ids, err := s.readDir(uploadsDir)
	if err != nil || len(ids) != 1 {
		panic(fmt.Sprint(ids, err))
	}
	return ids[0].Name()
}

// putTyped says in the content type what the content is.
func putTyped(s *Store, key, text string) error {
	_, err := s.Put(context.Background(), key, strings.NewReader(text), PutOptions{ContentType: "x/" + text})
	return err
}

func prepareChanges(t *testing.T, dir string) {
	s := openStore(t, dir, Options{})
	defer s.Close()
	for key, text := range map[string]string{"replaced": "old", "file": "kept", "kept": "kept", "directory/deleted": "old", "uploaded": "old"} {
		if err := putTyped(s, key, text); err != nil {
			t.Fatal(err)
		}
	}
	id, err := s.beginUpload("uploaded", PutOptions{ContentType: "x/part 1part 2"})
	if err != nil {
		t.Fatal(err)
	}
	for n, text := range []string{"part 1", "part 2"} {
		if _, err := s.putPart(context.Background(), "uploaded", id, n+1, strings.NewReader(text), PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// Wherever the process dies, each object is as it was or as it was to become,
// its content type with it, and the former only if nobody was told otherwise.
func TestCrashAtEachStep(t *testing.T) {
	t.Parallel()
	for step := 1; ; step++ {
		dir := t.TempDir()
		prepareChanges(t, dir)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envChild+"="+dir, envStep+"="+strconv.Itoa(step))
		out, err := cmd.Output()
		if err == nil {
			if step < 30 {
				t.Errorf("only %d steps", step-1)
			}
			return
		}
		if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("step %d: %v, %s", step, err, out)
		}
		checkChanges(t, dir, step, string(out))
	}
}

func checkChanges(t *testing.T, dir string, step int, out string) {
	t.Helper()
	s := openStore(t, dir, Options{})
	defer s.Close()
	var keys []string
	for _, key := range []string{"file", "kept"} {
		keys = append(keys, key)
		wantContent(t, s, key, "kept")
	}
	for _, change := range changes {
		data, info, err := s.GetBytes(context.Background(), change.key, 100)
		got := string(data)
		if err == nil {
			keys = append(keys, change.key)
		}
		done := strings.Contains(out, "done "+change.key+"\n")
		if got != change.after && (done || got != change.before) || (err == nil) != (got != "") {
			t.Errorf("step %d: %s is %q, %v (done: %v)", step, change.key, got, err, done)
		}
		if err == nil && info.ContentType != "x/"+got {
			t.Errorf("step %d: %s is %q and has the type %q", step, change.key, got, info.ContentType)
		}
	}
	slices.Sort(keys)
	if list, _, err := s.List(context.Background(), "", "", 100); err != nil || !slices.Equal(keysOf(list), keys) {
		t.Errorf("step %d: List: %q, %v, want %q", step, keysOf(list), err, keys)
	}
	wantNoLeftovers(t, s)
	// And all of it can be done now.
	for _, change := range changes {
		if err := change.do(s); err != nil {
			t.Errorf("step %d: %s again: %v", step, change.key, err)
		}
	}
}

// numbered is a content that knows what it must be: 8 bytes of seed, and as
// many as it says made from it.
func numbered(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 0))
	return string(binary.LittleEndian.AppendUint64(nil, seed)) + content(seed, r.IntN(256<<10))
}

func writeForever(s *Store) {
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				seed := uint64(worker<<24 | i)
				key := []string{"a", "a/b", "c/d", "e"}[i%4]
				text := numbered(seed)
				if _, err := s.Put(context.Background(), key, strings.NewReader(text), PutOptions{ContentType: fmt.Sprint(seed)}); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				fmt.Println("put", key)
			}
		})
	}
	wg.Wait()
}

func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for round := range 4 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envChild+"="+dir, envStep+"=")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 40+round && lines.Scan(); n++ {
			if !strings.HasPrefix(lines.Text(), "put ") {
				t.Errorf("child: %s", lines.Text())
			}
		}
		time.Sleep(time.Duration(rand.IntN(10000)) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		checkNumbered(t, dir)
	}
}

func checkNumbered(t *testing.T, dir string) {
	t.Helper()
	s := openStore(t, dir, Options{})
	defer s.Close()
	for _, key := range []string{"a", "a/b", "c/d", "e"} {
		data, info, err := s.GetBytes(context.Background(), key, 1<<20)
		if err != nil || len(data) < 8 {
			t.Errorf("%s: %d bytes, %v", key, len(data), err)
			continue
		}
		seed := binary.LittleEndian.Uint64(data)
		if string(data) != numbered(seed) || info.ETag != fmt.Sprintf("%x", md5.Sum(data)) || info.ContentType != fmt.Sprint(seed) {
			t.Errorf("%s is torn: %d bytes of %d, %+v", key, len(data), seed, info)
		}
	}
	wantNoLeftovers(t, s)
}
