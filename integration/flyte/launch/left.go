// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/flyteidl2/core"
	"drydock/integration/flyte/objects"
)

// errStorage marks what the object storage could not tell.
var errStorage = errors.New("the object storage failed")

// storagePatience is how long the storage, which is on this machine, may take
// to tell what an attempt left.
const storagePatience = time.Minute

// maxErrorFile bounds error.pb: a message with a traceback, no more.
const maxErrorFile = 8 << 20

// left is what an attempt left in its output directory.
type left struct {
	failure *core.ContainerError // what error.pb says; nil: there is none
	unread  error                // why the error.pb that is there says nothing
	outputs bool                 // outputs.pb is there; it may be empty
	report  bool
	lost    error // the storage could not be asked
}

// left looks at an output directory.
func (l *Launcher) left(ctx context.Context, outputURI string) left {
	prefix, err := objects.ParseURI(outputURI)
	if err != nil {
		return left{lost: fmt.Errorf("%w: %w", errStorage, err)}
	}
	var found left
	found.failure, found.unread, found.lost = l.errorFile(ctx, join(prefix, errorFile))
	for name, there := range map[string]*bool{outputsFile: &found.outputs, reportFile: &found.report} {
		var err error
		if *there, err = l.exists(ctx, join(prefix, name)); err != nil {
			found.lost = err
		}
	}
	return found
}

func (l *Launcher) exists(ctx context.Context, key string) (bool, error) {
	_, err := l.c.Objects.Stat(ctx, key)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, objects.ErrNotFound):
		return false, nil
	}
	return false, fmt.Errorf("%w: %w", errStorage, err)
}

// errorFile reads error.pb: what it says, or why it says nothing, or why it
// could not be looked for.
func (l *Launcher) errorFile(ctx context.Context, key string) (failure *core.ContainerError, unread, lost error) {
	data, _, err := l.c.Objects.GetBytes(ctx, key, maxErrorFile)
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return nil, nil, nil
	case errors.Is(err, objects.ErrTooLarge):
		return nil, err, nil
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", errStorage, err)
	}
	var document core.ErrorDocument
	if err := proto.Unmarshal(data, &document); err != nil {
		return nil, err, nil
	}
	if document.GetError() == nil {
		return nil, errors.New("it holds no error"), nil
	}
	return document.GetError(), nil, nil
}
