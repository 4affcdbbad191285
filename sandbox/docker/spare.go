// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"time"

	"drydock/sandbox/supervise/client"
)

// spare is a supervisor that is started before there is an attempt for it, and
// closed when its start was tried. Nil: there is none. To load the program takes
// as long as all that drydock itself does until the attempt begins.
type spare chan *client.Ahead

// spareLife is how long a spare waits. An attempt may have to queue for hours;
// it is not to hold memory meanwhile.
const spareLife = 10 * time.Second

func startSpare(argv []string) spare {
	s := make(spare, 1)
	go func() { // ends with the process's start
		defer close(s)
		if ahead, err := startSupervisor(argv); err == nil { // else the attempt's own start says why
			s <- ahead
			time.AfterFunc(spareLife, s.drop)
		}
	}()
	return s
}

func startSupervisor(argv []string) (*client.Ahead, error) {
	return client.StartAhead(argv[0], argv, supervisorEnv())
}

// take returns a supervisor that waits for an attempt: the spare one, once, or
// another.
func (s spare) take(argv []string) (*client.Ahead, error) {
	if s != nil {
		if ahead := <-s; ahead != nil {
			if ahead.Waits() {
				return ahead, nil
			}
			ahead.Drop()
		}
	}
	return startSupervisor(argv)
}

// drop ends a spare that was not taken.
func (s spare) drop() {
	if s != nil {
		if ahead := <-s; ahead != nil {
			ahead.Drop()
		}
	}
}
