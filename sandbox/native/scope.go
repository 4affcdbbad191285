// SPDX-License-Identifier: Apache-2.0

package native

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"drydock/sandbox/cgroup"
	"drydock/sandbox/systemd"
)

// What `systemd-run --user --scope -p Delegate=yes` does for a command that it
// starts, the user's systemd does for a process that runs already, too: it
// makes a scope, moves the process there and hands the scope's cgroup over.
// The scope lasts as long as any process is in it: a supervisor that outlives
// drydock keeps it.

// scopePatience bounds the talk with systemd, which has seconds of work for a
// scope on a busy machine. It gives the start of its own units 90 s.
const scopePatience = time.Minute

// enterScope has the user's systemd move this process into a delegated scope
// of its own, unless the unit that it is in is delegated.
func enterScope(h cgroup.Hierarchy) (cgroup.Delegation, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scopePatience)
	defer cancel()
	user, err := systemd.User(ctx)
	if err != nil {
		return cgroup.Delegation{}, err
	}
	defer user.Close()
	if user.Delegated(ctx, os.Getpid()) {
		return h.Delegated()
	}
	err = user.Start(ctx, fmt.Sprintf("drydock-%d-%x.scope", os.Getpid(), time.Now().UnixNano()),
		systemd.Property{Name: "Description", Value: "drydock and the tasks that it runs"},
		systemd.Property{Name: "PIDs", Value: []uint32{uint32(os.Getpid())}},
		systemd.Property{Name: "Delegate", Value: true},
	)
	if err != nil {
		return cgroup.Delegation{}, fmt.Errorf("ask the user's systemd for a scope: %w", err)
	}
	// The answer to the call says that the job is queued, not that it is done.
	for {
		if d, err := h.Delegated(); err == nil && filepath.Ext(d.Path) == ".scope" {
			return d, nil
		}
		select {
		case <-ctx.Done():
			return cgroup.Delegation{}, errors.New("the user's systemd did not move this process into a scope")
		case <-time.After(time.Millisecond):
		}
	}
}
