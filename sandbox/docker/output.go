// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"io"
	"os"
	"sync/atomic"
	"time"

	"drydock/sandbox"
	"drydock/sandbox/docker/engine"
	"drydock/sandbox/supervise"
)

// attacher is the engine, to have a container's streams.
type attacher interface {
	Attach(ctx context.Context, id string, options engine.AttachOptions) (*engine.Stream, error)
}

// attach connects the container's streams with the supervisor's, before the
// container starts: nothing of its output is missed.
func attach(e attacher, b *box, out *supervise.Output, in *supervise.Input, spec sandbox.Spec) error {
	hasStdin := supervise.HasStdin()
	stdin, stdout, stderr := out.Streams()
	options := engine.AttachOptions{TTY: spec.TTY, Stdin: hasStdin}
	stream, err := e.Attach(context.Background(), b.id, options)
	if err != nil {
		for _, f := range []*os.File{stdin, stdout, stderr} {
			f.Close()
		}
		return err
	}
	if options.Stdin {
		in.Feed(stdin, input{stream}, spec.TTY)
	} else {
		in.None()
		stdin.Close()
	}
	if spec.TTY && spec.Size.Rows > 0 {
		b.Resize(spec.Size)
	}
	m := mover{engine: e, box: b, out: out, options: engine.AttachOptions{TTY: spec.TTY}}
	to, toErr := out.Sink("stdout", stdout), out.Sink("stderr", stderr)
	out.Go(func() {
		defer to.Close()
		defer toErr.Close()
		m.move(stream, to, toErr)
	})
	return nil
}

// input is a stream as what takes the container's input.
type input struct{ *engine.Stream }

// Close ends the input alone.
func (i input) Close() error { return i.CloseWrite() }

// mover moves a container's output.
type mover struct {
	engine  attacher
	box     *box
	out     *supervise.Output
	options engine.AttachOptions
}

// lastOutput is how long the engine may say nothing after the container's end
// before its stream is cut: it closes the stream itself.
const lastOutput = 10 * time.Second

// move moves the output to its end. Should the engine go away, or the
// connection with it be cut, it attaches again, and the log says that there may
// be a gap.
func (m *mover) move(stream *engine.Stream, stdout, stderr io.Writer) {
	for {
		m.demux(stream, stdout, stderr)
		if stream = m.again(); stream == nil {
			return
		}
		m.out.Incomplete("the engine went away, or hung up, while the program ran; what it wrote meanwhile may be missing")
	}
}

// demux passes one stream on. After the container's end it is cut when the
// engine has nothing more to say; a reader that takes its time is waited for.
func (m *mover) demux(stream *engine.Stream, stdout, stderr io.Writer) {
	var p pace
	done := make(chan struct{})
	go func() { // ends with done
		select {
		case <-m.box.exited:
			p.cut(stream, done)
		case <-done:
		}
	}()
	_ = stream.Demux(paced{stdout, &p}, paced{stderr, &p})
	close(done)
	_ = stream.Close()
}

// pace is how a stream is passed on.
type pace struct{ begun, ended atomic.Int64 } // writes to whoever reads it

// cut closes a stream of which nothing comes any more.
func (p *pace) cut(stream io.Closer, done <-chan struct{}) {
	for before := int64(-1); ; {
		begun, ended := p.begun.Load(), p.ended.Load()
		if begun == ended && ended == before {
			_ = stream.Close()
			return
		}
		before = ended
		select {
		case <-time.After(lastOutput):
		case <-done:
			return
		}
	}
}

// paced is a writer with a pace.
type paced struct {
	io.Writer
	*pace
}

func (p paced) Write(data []byte) (int, error) {
	p.begun.Add(1)
	defer p.ended.Add(1)
	return p.Writer.Write(data)
}

// lateNews is how long an engine may believe that a container runs whose output
// it has ended.
const lateNews = 5 * time.Second

// again returns a new stream of a container that outlives its old one, when the
// engine is there; nil: the container has ended. A stream ends with the
// container, also when the program has closed its output before (so it is with
// Docker 20.10 to 28.5 and Podman 4.3): else it was cut. An engine that is
// restarted may not be seen to go away: where systemd holds its socket, calls
// just take longer.
func (m *mover) again() *engine.Stream {
	left, cut := false, time.Now().Add(lateNews)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		select {
		case <-m.box.exited:
			return nil
		default:
		}
		state, err := m.box.run.Inspect(m.box.ctx, m.box.id)
		switch {
		case away(err):
			left = true
		case err != nil || !state.Running:
			return nil
		case left || time.Now().After(cut):
			if stream, err := m.engine.Attach(m.box.ctx, m.box.id, m.options); err == nil {
				return stream
			}
		}
		if !m.box.rest(pause) {
			return nil
		}
	}
}
