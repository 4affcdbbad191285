// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"drydock/integration/flyte/book"
)

// Unfinished counts the runs that are not over: those of the server that is
// up, else those that the next one will take up. What their tasks left must
// stay, also of actions that have ended.
func (h Home) Unfinished(ctx context.Context) (int, error) {
	info, err := h.Running()
	if err != nil {
		return 0, err
	}
	if info != nil {
		if info.Endpoint == "" {
			return 0, errors.New("a drydock is starting or ending on this state directory; try again in a moment")
		}
		c := NewClient(info.Endpoint)
		defer c.Close()
		s, err := c.Status(ctx)
		if err != nil {
			return 0, fmt.Errorf("ask the drydock at %s: %w", info.Endpoint, err)
		}
		return s.Running + s.Queued, nil
	}
	if _, err := os.Stat(h.book()); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	b, err := book.OpenFile(h.book())
	if err != nil {
		return 0, err
	}
	defer func() { _ = b.Close() }() // nothing was written
	open := 0
	err = b.View(func(tx book.Tx) error {
		tx.Scan(book.Open, "", "", func(string, []byte) bool { open++; return true })
		return nil
	})
	return open, err
}
