// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/docker/cli/cli/connhelper"
)

// program is a connection through a program, ssh. One that ends before it has
// taken what is written breaks the pipe; why it ended, in its own words, docker's
// library tells only the one who reads.
type program struct {
	halves
	once sync.Once
	over chan struct{} // closed when reading has ended
	why  error         // of that; after over
}

// halves is a connection whose directions end one by one.
type halves interface {
	net.Conn
	CloseRead() error
	CloseWrite() error
}

// reasonPatience is how long a program that has closed its input may take to
// end, for its reason to be read. Nobody reads yet where a stream is attached to.
const reasonPatience = 5 * time.Second

func (p *program) Read(to []byte) (int, error) {
	n, err := p.halves.Read(to)
	if err != nil {
		p.once.Do(func() { p.why = err; close(p.over) })
	}
	return n, err
}

func (p *program) Write(from []byte) (int, error) {
	n, err := p.halves.Write(from)
	if err == nil {
		return n, nil
	}
	select {
	case <-p.over:
		return n, p.why
	case <-time.After(reasonPatience):
		return n, err
	}
}

// throughProgram dials by a program where the endpoint's scheme asks for one;
// nil: it does not.
func throughProgram(host string) (func(ctx context.Context, network, address string) (net.Conn, error), error) {
	helper, err := connhelper.GetConnectionHelper(host)
	if err != nil || helper == nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := helper.Dialer(ctx, network, address)
		if both, ok := conn.(halves); ok && err == nil {
			return &program{halves: both, over: make(chan struct{})}, nil
		}
		return conn, err
	}, nil
}
