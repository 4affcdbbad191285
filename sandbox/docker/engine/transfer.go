// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/image"

	"drydock/sandbox"
)

// pullLocked pulls in turn with other processes, or takes what one of them
// pulled while this one waited.
func (e *Engine) pullLocked(ctx context.Context, key share, progress func(sandbox.Progress)) (Image, error) {
	began := time.Now()
	turn, pulled, err := takeTurn(ctx, e.config.LockDir, e.info.Endpoint, key)
	if ctx.Err() != nil {
		return Image{}, explain(ctx, "wait for another process's pull", time.Since(began), err)
	}
	if err != nil {
		return Image{}, unsupported("the locks for pulls cannot be had: "+err.Error(), "make their directory writable, or choose another --state-dir")
	}
	defer turn.end()
	if pulled || !key.always {
		if found, err := e.Image(ctx, key.reference, key.platform); KindOf(err) != NoImage {
			return found, err
		}
	}
	found, err := e.transfer(ctx, key, progress)
	if err == nil {
		turn.pulled()
	}
	return found, err
}

// transfer has the engine fetch an image.
func (e *Engine) transfer(ctx context.Context, key share, progress func(sandbox.Progress)) (Image, error) {
	const call = "pull image"
	began := time.Now()
	auth, err := e.credentials(ctx, registryOf(key.reference))
	if err != nil {
		return Image{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The head of the answer comes with the first word of progress: there is
	// no quick call to set a deadline to, only silence.
	alarm := time.AfterFunc(e.limits.silence, func() { cancel(errSilent) })
	defer alarm.Stop()
	body, err := e.client.ImagePull(ctx, key.reference, image.PullOptions{RegistryAuth: auth, Platform: key.platform})
	t := transfer{what: key.reference}
	if err == nil {
		err = readPull(watched{body, alarm, e.limits.silence}, &t, progress)
		_ = body.Close()
	}
	switch said := (*errPull)(nil); {
	case err == nil:
	case errors.Is(context.Cause(ctx), errSilent):
		return Image{}, &Error{Call: call, Kind: Slow, Took: time.Since(began), err: errSilent,
			Message: fmt.Sprintf("no progress of %s for %s", key.reference, e.limits.silence)}
	case errors.As(err, &said):
		return Image{}, &Error{Call: call, Kind: Failed, Took: time.Since(began), err: said, Message: said.message}
	default:
		return Image{}, explain(ctx, call, time.Since(began), err)
	}
	found, err := e.Image(ctx, key.reference, key.platform)
	if err == nil && strings.HasPrefix(t.digest, "sha256:") {
		found.Digest = repository(key.reference) + "@" + t.digest
	}
	return found, err
}

// errSilent ends a pull of which nothing was heard for too long.
var errSilent = errors.New("the pull went silent")

// watched puts an alarm off with everything that is read.
type watched struct {
	io.Reader
	alarm *time.Timer
	limit time.Duration
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.alarm.Reset(w.limit)
	}
	return n, err
}
