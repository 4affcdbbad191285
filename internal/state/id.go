// SPDX-License-Identifier: Apache-2.0

package state

import (
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/oklog/ulid/v2"
)

// idLock guards entropy and keeps an id's clock reading and entropy together:
// without it two ids could be made in another order than their times.
var idLock sync.Mutex

// entropy is monotonic, so that ids of one millisecond still sort in the
// order in which they were made.
var entropy = ulid.Monotonic(rand.Reader, 0)

// NewID returns a new task id: a ULID, 26 characters that sort by time. Ids
// of one process rise strictly while the clock is not set back.
func NewID() (string, error) {
	idLock.Lock()
	defer idLock.Unlock()
	id, err := ulid.New(ulid.Now(), entropy)
	if err != nil {
		return "", fmt.Errorf("make a task id: %w", err)
	}
	return id.String(), nil
}

// ValidID reports whether id has the form of NewID's.
func ValidID(id string) bool {
	parsed, err := ulid.ParseStrict(id)
	return err == nil && parsed.String() == id // no lower-case variant
}
