// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"drydock/sandbox"
)

// frame is a piece of output as engines send it without a terminal.
func frame(stream byte, text string) []byte {
	head := make([]byte, 8, 8+len(text))
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return append(head, text...)
}

// hijacked answers an attach with the given status line, then whatever talk
// says.
func hijacked(t *testing.T, status string, talk func(conn net.Conn, r io.Reader)) *Engine {
	t.Helper()
	f := newFake(t)
	f.HandleFunc("POST /containers/x/attach", func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", status)
		talk(conn, buffered)
	})
	return f.open(t)
}

func TestAttach(t *testing.T) {
	for _, status := range []string{"101 UPGRADED", "200 OK"} {
		t.Run(status, func(t *testing.T) {
			e := hijacked(t, status, func(conn net.Conn, r io.Reader) {
				// What comes before any input may arrive with the head.
				_, _ = conn.Write(append(frame(1, "first "), frame(2, "problem")...))
				said, _ := io.ReadAll(r)
				_, _ = conn.Write(frame(1, "heard "+string(said)))
			})
			s, err := e.Attach(t.Context(), "x", AttachOptions{Stdin: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := io.WriteString(s, "a word"); err != nil {
				t.Fatal(err)
			}
			if err := s.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if err := s.Demux(&out, &errs); err != nil || out.String() != "first heard a word" || errs.String() != "problem" {
				t.Errorf("%q, %q, %v", out.String(), errs.String(), err)
			}
		})
	}
}

func TestAttachTerminal(t *testing.T) {
	e := hijacked(t, "101 UPGRADED", func(conn net.Conn, _ io.Reader) { _, _ = io.WriteString(conn, "raw\x01bytes") })
	s, err := e.Attach(t.Context(), "x", AttachOptions{TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out bytes.Buffer
	if err := s.Demux(&out, nil); err != nil || out.String() != "raw\x01bytes" {
		t.Errorf("%q, %v", out.String(), err)
	}
	if _, err := io.WriteString(s, "x"); err == nil {
		t.Error("wrote to a stdin that is not attached")
	}
}

func TestAttachClosed(t *testing.T) {
	over := make(chan struct{})
	e := hijacked(t, "101 UPGRADED", func(conn net.Conn, _ io.Reader) { <-over })
	defer close(over)
	s, err := e.Attach(t.Context(), "x", AttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error)
	go func() { read <- s.Demux(io.Discard, io.Discard) }()
	_ = s.Close()
	if err := <-read; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the reader ended with %v", err)
	}
}

// Podman makes the container when it is attached to.
func TestAttachStarts(t *testing.T) {
	f := newFake(t)
	f.HandleFunc("POST /containers/x/attach", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"message":"preparing container x for attach: runc: exec: \"y\": executable file not found in $PATH: OCI runtime attempted to invoke a command that was not found"}`)
	})
	e := f.open(t)
	e.info.Product = productPodman
	_, err := e.Attach(t.Context(), "x", AttachOptions{})
	start := (*StartError)(nil)
	if !errors.As(err, &start) || start.Reason != sandbox.StartNotFound || start.Code != 127 {
		t.Errorf("%#v", err)
	}
}
