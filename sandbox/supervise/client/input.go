// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"drydock/sandbox"
	"drydock/sandbox/supervise/wire"
)

// inputChunk is how much input goes over at once.
const inputChunk = 4 << 10

// Input implements sandbox.Inputter. It has a connection of its own: while the
// program does not read, the supervisor takes nothing more from it.
func (l *link) Input(ctx context.Context, from io.Reader) error {
	conn, err := dial(l.dir)
	if err != nil {
		return noInput(inputOver)
	}
	defer conn.Close() // wakes what reads and writes
	states, closed := make(chan wire.InputState), make(chan struct{})
	defer close(closed)
	go heed(conn, states, closed)
	sent := make(chan error, 1)
	sending := false
	for {
		select {
		case state, ok := <-states:
			switch {
			case !ok:
				return noInput(inputOver)
			case !state.Open:
				return noInput(state.Why)
			case !sending:
				sending = true
				go func() { sent <- sendInput(conn, from) }() // ends with from's next piece, or with conn
			}
		case err := <-sent:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// inputOver is why an attempt that has ended takes no input.
const inputOver = "the attempt has ended"

func noInput(why string) error { return fmt.Errorf("%w: %s", sandbox.ErrNoInput, why) }

// heed delivers how the program's input stands until the supervisor's end. A
// supervisor that lets the program run without a word about it knows none.
func heed(conn *os.File, states chan<- wire.InputState, closed <-chan struct{}) {
	defer close(states)
	decoder := json.NewDecoder(conn)
	told := false
	for {
		var report wire.Report
		if decoder.Decode(&report) != nil {
			return
		}
		state := report.Input
		if state == nil && !told && report.Event != nil && report.Event.Started != nil {
			state = &wire.InputState{Why: "its supervisor is of an older drydock"}
		}
		if state == nil {
			continue
		}
		told = true
		select {
		case states <- *state:
		case <-closed:
			return
		}
	}
}

// sendInput passes from on, piece by piece.
func sendInput(conn *os.File, from io.Reader) error {
	buf := make([]byte, inputChunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			line, err := json.Marshal(wire.Command{Input: buf[:n]})
			if err != nil {
				return err
			}
			if _, err := conn.Write(append(line, '\n')); err != nil {
				return noInput(inputOver)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
