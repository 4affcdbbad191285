// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"drydock/gpu"
)

// The first argument with which this program reads the GPUs: once, or, with
// an interval and UUIDs after it, again and again.
const (
	Arg      = "nvml-inventory"
	WatchArg = "nvml-watch"
)

// WatchRequest says what to look at, and how often.
type WatchRequest struct {
	Every time.Duration
	IDs   []gpu.ID
}

// handsOver says that this program's main function calls HandOver.
var handsOver bool

// HandOver does, and ends the process with it, what this process was started
// for if that is to read the GPUs: it prints what read finds, or what watch
// writes until standard input ends. Package nvml calls it.
func HandOver(read func() gpu.Inventory, watch func(context.Context, WatchRequest, io.Writer) error) {
	handsOver = true
	if len(os.Args) < 2 {
		return
	}
	var err error
	switch os.Args[1] {
	case Arg:
		err = json.NewEncoder(os.Stdout).Encode(read())
	case WatchArg:
		err = watchUntilEOF(os.Args[2:], watch)
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// lastLooks is how long a watch has for its last looks when standard input
// has ended: whoever wanted them may be gone, and the driver may hang.
const lastLooks = 2 * time.Second

// watchUntilEOF holds the process to the life of the one that started it:
// standard input ends with it, however it ends.
func watchUntilEOF(args []string, watch func(context.Context, WatchRequest, io.Writer) error) error {
	if len(args) < 2 {
		return fmt.Errorf("%s needs an interval and UUIDs", WatchArg)
	}
	every, err := time.ParseDuration(args[0])
	if err != nil || every <= 0 {
		return fmt.Errorf("%s: %q is no interval", WatchArg, args[0])
	}
	r := WatchRequest{Every: every}
	for _, id := range args[1:] {
		r.IDs = append(r.IDs, gpu.ID(id))
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { // ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
		time.Sleep(lastLooks)
		os.Exit(1)
	}()
	return watch(ctx, r, os.Stdout)
}

// findReader is the command that reads the GPUs, without its argument; nil
// where there is none: a program that does not hand over, and no drydock
// beside it or in DRYDOCK_BIN. This program is started by way of /proc: the
// same one, even if it was replaced on disk meanwhile.
func findReader() []string {
	if handsOver {
		return []string{"/proc/self/exe"}
	}
	var places []string
	self, err := os.Executable()
	if err == nil {
		places = append(places, filepath.Dir(self))
	}
	if bin := os.Getenv("DRYDOCK_BIN"); bin != "" {
		places = append(places, bin)
	}
	for _, dir := range places {
		path := filepath.Join(dir, "drydock")
		if path == self { // built without the reader
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return []string{path}
		}
	}
	return nil
}
