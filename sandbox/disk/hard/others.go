// SPDX-License-Identifier: Apache-2.0

package hard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Engine is a limit that a container engine holds.
const Engine Way = "engine"

// Prove tries out a limit of size bytes that somebody else has set on a
// directory, by an allocation that is larger; nothing is written. The error
// says that it does not hold.
func Prove(dir string, size int64) (*Hold, error) {
	fs, err := openOwn(dir)
	if err != nil {
		return nil, err
	}
	h := &Hold{Way: Engine, Size: size, fs: fs, top: dir, undo: func() error { return nil }}
	if _, _, err = h.Used(); err == nil {
		err = bound(func() error { return refusesMore(dir, size+probeLimit) })
	}
	if err != nil {
		return nil, errors.Join(err, h.Release())
	}
	return h, nil
}

// refusesMore allocates size bytes in a directory, which is to fail.
func refusesMore(dir string, size int64) error {
	name := filepath.Join(dir, ".drydock-probe")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(name); err != nil {
		return err
	}
	if err := unix.Fallocate(int(f.Fd()), 0, 0, size); !full(err) {
		return fmt.Errorf("%d bytes could be allocated (%v)", size, err)
	}
	return nil
}
