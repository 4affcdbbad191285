// SPDX-License-Identifier: Apache-2.0

package flyte

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/objects"
)

// documents are the objects as the engine and the console read them: by URI.
type documents struct{ store *objects.Store }

var _ engine.Objects = documents{}

func (d documents) Read(ctx context.Context, uri string, limit int64) ([]byte, error) {
	in, err := d.open(ctx, uri)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, limit))
}

func (d documents) Exists(ctx context.Context, uri string) (bool, error) {
	key, err := objects.ParseURI(uri)
	if err != nil {
		return false, err
	}
	_, err = d.store.Stat(ctx, key)
	if errors.Is(err, objects.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (d documents) open(ctx context.Context, uri string) (io.ReadCloser, error) {
	key, err := objects.ParseURI(uri)
	if err != nil {
		return nil, err
	}
	content, _, err := d.store.Get(ctx, key)
	return content, absent(err)
}

// report opens the report in an attempt's output directory.
func (d documents) report(ctx context.Context, outputURI string) (io.ReadCloser, error) {
	return d.open(ctx, outputURI+"/report.html")
}

// absent gives an error of a missing object the form that others test for.
func absent(err error) error {
	if errors.Is(err, objects.ErrNotFound) {
		return fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	return err
}
