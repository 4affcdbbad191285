// SPDX-License-Identifier: Apache-2.0

package client

import "errors"

// Stray is an attempt whose supervisor died.
type Stray struct {
	ID      string
	Attempt int
	Dir     string // of the attempt; "" when not known
	Killed  int    // processes that still ran
}

// Sweep cleans up those of the named attempts whose lease nobody holds, and does
// not say that they are another sandbox's than sandbox. It holds each lease
// meanwhile: two who clean never work on one attempt. clean returns how many
// processes still ran.
func (l Leases) Sweep(names []string, sandbox string, clean func(name string, l Lease) (int, error)) ([]Stray, error) {
	var strays []Stray
	var errs []error
	for _, name := range names {
		stray, err := l.sweep(name, sandbox, clean)
		if stray != nil {
			strays = append(strays, *stray)
		}
		errs = append(errs, err)
	}
	return strays, errors.Join(errs...)
}

func (l Leases) sweep(name, sandbox string, clean func(name string, l Lease) (int, error)) (*Stray, error) {
	held, lease, dead := l.Inspect(name)
	if held != nil {
		defer held.Close()
	}
	if !dead || held != nil && lease.Sandbox != sandbox {
		return nil, nil
	}
	killed, err := clean(name, lease)
	if lease.Dir == "" && killed == 0 {
		return nil, err // it ended in order while we looked
	}
	return &Stray{ID: lease.ID, Attempt: lease.Attempt, Dir: lease.Dir, Killed: killed}, err
}
