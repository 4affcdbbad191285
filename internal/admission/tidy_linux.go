// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"errors"
	"math"
	"os"
	"time"

	"drydock/sandbox/supervise/client"
)

// tidyPatience is how long the directory's lock is waited for by who only
// tidies up.
const tidyPatience = 200 * time.Millisecond

// Tidy removes the claims, tickets and drafts that dead processes left in a
// lease directory ("": the machine's, see client.LeasesIn), as everybody does
// who admits. Nothing counts by them; where somebody keeps the lock they stay.
func Tidy(directory string) error {
	d := dir(client.LeasesIn(directory))
	unlock, err := d.lock(context.Background(), tidyPatience)
	if _, kept := errors.AsType[*LockError](err); kept || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	_, err = d.look(math.MaxInt, true)
	return err
}
