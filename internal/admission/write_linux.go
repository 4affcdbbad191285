// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drydock/sandbox/supervise/client"
)

// dir is a lease directory.
type dir string

// Names of our files; see the package's comment.
const (
	claimPrefix  = "claim."
	ticketPrefix = "ticket."
	draftPrefix  = client.DraftPrefix
)

func (d dir) path(name string) string { return filepath.Join(string(d), name) }

func claimName(id string, attempt int) string {
	return fmt.Sprintf("%s%s.%d", claimPrefix, id, attempt)
}

// ticketName sorts by time.
func ticketName(since time.Duration, id string, attempt int) string {
	return fmt.Sprintf("%s%016x.%s.%d", ticketPrefix, int64(since), id, attempt)
}

// keep makes a file that counts for as long as it stays open here; see
// client.Leases.Keep.
func (d dir) keep(name string, document any) (*os.File, error) {
	f, err := client.Leases(d).Keep(name, document, func() { atStep(name, "filled") })
	atStep(name, "linked")
	return f, err
}

// discard ends what keep began. The name goes first: who sees the file
// unlocked and takes it for a dead one's finds nothing to remove.
func (d dir) discard(name string, f *os.File) {
	_ = os.Remove(d.path(name))
	atStep(name, "removed")
	_ = f.Close()
}
