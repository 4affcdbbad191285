// SPDX-License-Identifier: Apache-2.0

package docker

import (
	"context"
	"io"
	"os"
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
func attach(e attacher, b *box, out *supervise.Output, spec sandbox.Spec) error {
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
		go feed(stream, stdin) // ends with stdin, or with the container
	} else {
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

// feed passes stdin on, and its end.
func feed(stream *engine.Stream, stdin *os.File) {
	defer stdin.Close()
	_, _ = io.Copy(stream, stdin)
	_ = stream.CloseWrite()
}

// mover moves a container's output.
type mover struct {
	engine  attacher
	box     *box
	out     *supervise.Output
	options engine.AttachOptions
}

// lastOutput is how long output may come after the container's end before it
// is cut: the engine closes the stream itself.
const lastOutput = 10 * time.Second

// move moves the output to its end. Should the engine go away it attaches
// again when it is back, and the log says that there may be a gap.
func (m *mover) move(stream *engine.Stream, stdout, stderr io.Writer) {
	for {
		m.demux(stream, stdout, stderr)
		if stream = m.again(); stream == nil {
			return
		}
		m.out.Incomplete("the engine went away while the program ran; what it wrote meanwhile may be missing")
	}
}

// demux passes one stream on. It is cut some time after the container's end.
func (m *mover) demux(stream *engine.Stream, stdout, stderr io.Writer) {
	done := make(chan struct{})
	go func() { // ends with done
		select {
		case <-m.box.exited:
		case <-done:
			return
		}
		select {
		case <-time.After(lastOutput):
			_ = stream.Close()
		case <-done:
		}
	}()
	_ = stream.Demux(stdout, stderr)
	close(done)
	_ = stream.Close()
}

// again returns a new stream of a container whose old one ended with the
// engine's going away, when the engine is back and it still runs. While the
// engine is there a stream ends with what writes to it.
func (m *mover) again() *engine.Stream {
	left := false
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
		case err != nil || !state.Running || !left:
			return nil
		default:
			if stream, err := m.engine.Attach(m.box.ctx, m.box.id, m.options); err == nil {
				return stream
			}
		}
		if !m.box.rest(pause) {
			return nil
		}
	}
}
