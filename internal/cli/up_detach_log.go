// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxLog is the size from which the log of a server in the background is put
// aside for a new one.
const maxLog = 10 << 20

// logLook is how often a server looks how long its log is.
const logLook = time.Minute

// openLog opens the log of a server in the background.
func openLog(name string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	if tooLong(name) {
		_ = os.Rename(name, name+".1") // a long log is no reason not to start
	}
	return os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND|syscall.O_NOFOLLOW, 0o600)
}

func tooLong(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Size() > maxLog
}

// keepShort begins the log of this process anew when it has become long, until
// ctx ends. fds are the descriptors that write to it.
func keepShort(ctx context.Context, name string, fds ...int) {
	for tick := time.NewTicker(logLook); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			_ = turnLog(name, fds...) // a full disk, for example; it is tried again
		}
	}
}

// turnLog puts a long log aside and lets the descriptors write to a new one.
func turnLog(name string, fds ...int) error {
	if !tooLong(name) {
		return nil
	}
	f, err := openLog(name)
	if err != nil {
		return err
	}
	var errs []error
	for _, fd := range fds {
		errs = append(errs, unix.Dup3(int(f.Fd()), fd, 0))
	}
	return errors.Join(append(errs, f.Close())...)
}
