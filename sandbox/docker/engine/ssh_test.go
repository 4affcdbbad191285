// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ended is a way through a program that has ended, which whoever reads is told
// after a while.
type ended struct {
	net.Conn
	why error
}

func (ended) Write([]byte) (int, error)  { return 0, syscall.EPIPE }
func (e ended) Read([]byte) (int, error) { time.Sleep(time.Second); return 0, e.why }
func (ended) CloseRead() (_ error)       { return }
func (ended) CloseWrite() (_ error)      { return }

// What is said of a program that ended is why, not that the pipe is broken,
// whichever direction hears of it first.
func TestWhyProgramEnded(t *testing.T) {
	for name, reads := range map[string]bool{"somebody reads": true, "nobody does": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				why := errors.New("Permission denied (publickey)")
				p := &program{halves: ended{why: why}, over: make(chan struct{})}
				if reads {
					go func() { _, _ = p.Read(nil) }()
				}
				for range 2 {
					if _, err := p.Write([]byte("x")); errors.Is(err, why) != reads || errors.Is(err, syscall.EPIPE) == reads {
						t.Errorf("got %v", err)
					}
				}
				synctest.Wait()
			})
		})
	}
}
