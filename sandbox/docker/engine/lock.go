// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// turn is the right to pull an image, which one process has at a time. The
// kernel gives it on when its holder dies.
type turn struct {
	file   *os.File  // nil: nothing is shared between processes
	before time.Time // when the image had last been pulled as the turn was asked for
}

// turnPause is between two tries to get a turn. A blocking flock cannot be
// given up when the context ends.
const turnPause = 100 * time.Millisecond

// takeTurn waits for the turn on an image of an engine. pulled says that
// another process finished pulling it in the meantime.
func takeTurn(ctx context.Context, dir, endpoint string, key share) (t turn, pulled bool, err error) {
	if dir == "" {
		return turn{}, false, nil
	}
	if t, err = queue(dir, endpoint, key); err != nil {
		return turn{}, false, err
	}
	if pulled, err = t.take(ctx); err != nil {
		t.end()
		return turn{}, false, err
	}
	return t, pulled, nil
}

// queue asks for the turn on an image of an engine.
func queue(dir, endpoint string, key share) (turn, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return turn{}, err
	}
	name := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", endpoint, key.reference, key.platform))
	path := filepath.Join(dir, fmt.Sprintf("pull-%x.lock", name[:8]))
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return turn{}, err
	}
	t := turn{file: file}
	t.before = t.last()
	return t, nil
}

// take waits until it is its turn.
func (t turn) take(ctx context.Context) (pulled bool, err error) {
	for {
		err := syscall.Flock(int(t.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return t.last().After(t.before), nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return false, fmt.Errorf("lock %s: %w", t.file.Name(), err)
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(turnPause):
		}
	}
}

// last is when an image was last pulled under this turn.
func (t turn) last() time.Time {
	info, err := t.file.Stat()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// pulled tells the others who wait for the turn that the image is here.
func (t turn) pulled() {
	if t.file != nil {
		now := time.Now()
		_ = os.Chtimes(t.file.Name(), now, now) // without it the next one asks the registry again
	}
}

func (t turn) end() {
	if t.file != nil {
		_ = t.file.Close()
	}
}
