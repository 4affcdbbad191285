// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"drydock/executor"
)

// stopSignals end a task in order. SIGHUP is a closed terminal.
var stopSignals = map[os.Signal]string{
	syscall.SIGINT:  "SIGINT",
	syscall.SIGTERM: "SIGTERM",
	syscall.SIGHUP:  "SIGHUP",
}

// interruption turns signals into a cancelled context, then into a closed kill
// channel: the first asks the task to end, the second kills it.
type interruption struct {
	kill <-chan struct{}
	stop func() // gives the signals back and waits for the goroutine
}

// watchSignals begins to listen. say tells the person what a signal did.
func watchSignals(ctx context.Context, w World, say func(first bool, signal string)) (context.Context, interruption) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 4) // room for an impatient finger
	for sig := range stopSignals {
		// nohup and background jobs of a shell begin with some ignored, which
		// is meant to stay so.
		if !signal.Ignored(sig) {
			w.Notify(signals, sig)
		}
	}
	kill := make(chan struct{})
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		heard := 0
		for {
			select {
			case <-done:
				return
			case sig := <-signals:
				heard++
				switch heard {
				case 1:
					say(true, stopSignals[sig])
					cancel(executor.SignalCause{Signal: stopSignals[sig]})
				case 2:
					say(false, stopSignals[sig])
					close(kill)
				}
			}
		}
	}()
	return ctx, interruption{kill: kill, stop: func() {
		w.Unnotify(signals)
		close(done)
		<-ended
		cancel(nil)
	}}
}

// survivePipes lets writes to a reader that went away (| head) fail instead of
// ending drydock before the verdict is told. A handler does not outlive an
// exec, so the task's own SIGPIPE stays as it was.
func survivePipes(w World) {
	w.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // nobody reads it; sends to a full channel are dropped
}
