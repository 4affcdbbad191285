// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"drydock/executor"
	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/launch/copilot"
	"drydock/integration/flyte/objects"
)

// collect reads what a raw container left in its output directory, and writes
// the outputs or says in the evidence why there are none. An attempt that did
// not succeed has none; what it wrote about that is read all the same.
func (l *Launcher) collect(ctx context.Context, o engine.Order, e *evidence) {
	t := o.Action.Task.GetSpec().GetTaskTemplate()
	if l.c.Images == nil || !t.GetContainer().GetDataConfig().GetEnabled() {
		return
	}
	dir := filepath.Join(l.filesOf(o.TaskID), carriedOutputs)
	if e.result.Verdict.Class != executor.Succeeded {
		if err := copilot.Told(dir); err != nil {
			e.raw = err
		}
		return
	}
	outputs, notes, err := copilot.CollectOutputs(ctx, l.c.Images.Files, t.GetInterface().GetOutputs(), dir, rawURI(o, o.Attempt))
	e.notes = append(e.notes, notes...)
	if err == nil {
		err = l.writeOutputs(ctx, join(o.OutputURI, outputsFile), outputs)
	}
	e.raw, e.left.outputs = err, err == nil
}

func (l *Launcher) writeOutputs(ctx context.Context, uri string, outputs proto.Message) error {
	key, err := objects.ParseURI(uri)
	if err != nil {
		return err
	}
	data, err := proto.Marshal(outputs)
	if err != nil {
		return err
	}
	if _, err := l.c.Objects.Put(ctx, key, bytes.NewReader(data), objects.PutOptions{ContentType: "application/octet-stream"}); err != nil {
		return fmt.Errorf("%w: %w", errStorage, err)
	}
	return nil
}

// rawFailed is the end of a raw container whose outputs are not to be had.
func (e evidence) rawFailed() engine.End {
	if told, ok := errors.AsType[*copilot.ToldError](e.raw); ok {
		return e.user(codeError, told.Text, engine.RetryUser)
	}
	if bad, ok := errors.AsType[*copilot.OutputError](e.raw); ok {
		code := codeBadOutput
		if bad.Missing {
			code = codeOutputsNotFound
		}
		return e.user(code, bad.Error()+e.tail(), engine.RetryUser)
	}
	return e.system(codeStorage, "the outputs of the container cannot be kept: "+e.raw.Error(), engine.RetrySystem)
}
