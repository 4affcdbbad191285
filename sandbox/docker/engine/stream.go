// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/containerd/errdefs/pkg/errhttp"
	"github.com/docker/docker/pkg/stdcopy"
)

// AttachOptions say what is attached to: always the output.
type AttachOptions struct {
	TTY   bool // as the container was made
	Stdin bool
}

// Stream is a container's standard streams. Write and Demux may be used at the
// same time.
type Stream struct {
	reader io.Reader
	writer io.Writer // nil: no stdin
	close  func() error
	tty    bool
}

// Attach connects to the streams of a container. Before Start, nothing of its
// output is missed. ctx and the call's deadline bound the connecting only;
// Close ends the stream. Podman makes the container's surroundings for it
// already, so that a *StartError can come from here too.
//
// The client's own attach does neither look at its context once connected nor
// pass on what a refusing engine says, so the HTTP upgrade is done here.
func (e *Engine) Attach(ctx context.Context, id string, options AttachOptions) (*Stream, error) {
	var s *Stream
	err := e.call(ctx, "attach to container", e.limits.change, func(ctx context.Context) (err error) {
		s, err = e.hijack(ctx, id, options)
		return err
	})
	if err != nil && e.info.Podman() && strings.Contains(err.Error(), "preparing container") {
		err = refusedStart(err)
	}
	return s, err
}

func (e *Engine) hijack(ctx context.Context, id string, options AttachOptions) (*Stream, error) {
	query := url.Values{"stream": {"1"}, "stdout": {"1"}, "stderr": {"1"}}
	if options.Stdin {
		query.Set("stdin", "1")
	}
	path := "http://engine/v" + e.client.ClientVersion() + "/containers/" + url.PathEscape(id) + "/attach?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "tcp")
	conn, err := e.client.Dialer()(ctx)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetKeepAlive(true) // a silent program must not look like a dead connection
	}
	unblock := context.AfterFunc(ctx, func() { _ = conn.Close() })
	reader := bufio.NewReader(conn)
	err = upgrade(conn, reader, request)
	if !unblock() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	s := &Stream{reader: reader, close: conn.Close, tty: options.TTY}
	if options.Stdin {
		s.writer = conn
	}
	return s, nil
}

// upgrade sends the request and reads the answer's head, after which the
// connection belongs to the streams.
func upgrade(conn net.Conn, reader *bufio.Reader, request *http.Request) error {
	if err := request.Write(conn); err != nil {
		return err
	}
	answer, err := http.ReadResponse(reader, request)
	if err != nil {
		return err
	}
	// Engines before the upgrade was invented, and Podman, say 200.
	if answer.StatusCode == http.StatusSwitchingProtocols || answer.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	return refusal(answer.StatusCode, body)
}

// refusal is an answer that is an error, with the engine's words.
func refusal(status int, body []byte) error {
	var said struct{ Message string }
	message := strings.TrimSpace(string(body))
	if json.Unmarshal(body, &said) == nil {
		message = strings.TrimSpace(said.Message)
	}
	if message == "" {
		message = fmt.Sprintf("the engine answered %d %s and gave no reason", status, http.StatusText(status))
	}
	return &refused{message: message, native: errhttp.ToNative(status)}
}

type refused struct {
	message string
	native  error
}

func (r *refused) Error() string { return r.message }

func (r *refused) Unwrap() error { return r.native }

// Demux copies the output to its writers until it ends, and returns nil then.
// With a terminal everything is stdout. A writer's error ends it; so does
// Close, with an error that wraps net.ErrClosed.
func (s *Stream) Demux(stdout, stderr io.Writer) error {
	var err error
	if s.tty {
		_, err = io.Copy(stdout, s.reader)
	} else {
		_, err = stdcopy.StdCopy(stdout, stderr, s.reader)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the container's output: %w", err)
	}
	return nil
}

// Write sends p to the container's stdin.
func (s *Stream) Write(p []byte) (int, error) {
	if s.writer == nil {
		return 0, errors.New("write to the container's stdin: it is not attached")
	}
	n, err := s.writer.Write(p)
	if err != nil {
		return n, fmt.Errorf("write to the container's stdin: %w", err)
	}
	return n, nil
}

// CloseWrite says that no more stdin comes.
func (s *Stream) CloseWrite() error {
	half, ok := s.writer.(interface{ CloseWrite() error })
	if !ok {
		return errors.New("close the container's stdin: this connection cannot be closed by half")
	}
	return half.CloseWrite()
}

// Close ends the stream at once.
func (s *Stream) Close() error { return s.close() }
