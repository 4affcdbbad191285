// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"drydock/integration/flyte/engine"
	"drydock/integration/flyte/flyteidl2/task"
	"drydock/integration/flyte/objects"
)

// Names of the files that the SDK's runtime reads and writes (flyte-sdk
// _internal/runtime/io.py).
const (
	inputsFile     = "inputs.pb"
	outputsFile    = "outputs.pb"
	errorFile      = "error.pb"
	reportFile     = "report.html"
	checkpointFile = "_flytecheckpoints"
	templateFile   = "task.pb"
)

// maxInputs bounds the inputs that are read to fill in {{.inputs.NAME}}.
const maxInputs = 16 << 20

// startTimeLayout is RFC 3339 with microseconds: Python before 3.11 reads no
// other number of digits.
const startTimeLayout = "2006-01-02T15:04:05.000000Z07:00"

// inputURI is the file that holds an action's inputs.
func inputURI(o engine.Order) string {
	dir := o.Action.InputURI
	if dir == "" { // there are none; a place that nothing else is at
		dir = o.Run.OutputBase + "/" + o.Action.ID.Name
	}
	return join(dir, inputsFile)
}

// rawURI is where attempt n keeps its large data. It ends in
// RUN-ACTION-ATTEMPT, because File.named_remote takes the action from there.
func rawURI(o engine.Order, n int) string {
	name := fmt.Sprintf("%s-%s-%d", o.Run.ID.Name, o.Action.ID.Name, n)
	if prefix := o.Run.Spec.GetRawDataStorage().GetRawDataPrefix(); prefix != "" {
		return join(prefix, name)
	}
	return join(outputURI(o, n), name)
}

// outputURI is the output directory of attempt n of the order's action.
func outputURI(o engine.Order, n int) string {
	if n == o.Attempt {
		return o.OutputURI
	}
	for _, a := range o.Action.Attempts {
		if a.Number == n && a.OutputURI != "" {
			return a.OutputURI
		}
	}
	return fmt.Sprintf("%s/%s/%d", o.Run.OutputBase, o.Action.ID.Name, n)
}

func checkpointURI(o engine.Order, n int) string { return join(rawURI(o, n), checkpointFile) }

func join(dir, name string) string { return strings.TrimSuffix(dir, "/") + "/" + name }

// values knows what the templates of one order's command stand for.
type values struct {
	objects Objects
	o       engine.Order
	inputs  *task.Inputs // read when first asked for
}

// value is substitute's.
func (v *values) value(ctx context.Context, name, field string) (string, bool, error) {
	if name == "inputs" {
		text, err := v.input(ctx, field)
		return text, true, err
	}
	if field != "" {
		return "", false, nil
	}
	o := v.o
	switch name {
	case "input":
		return inputURI(o), true, nil
	case "inputprefix":
		return strings.TrimSuffix(inputURI(o), "/"+inputsFile), true, nil
	case "outputprefix":
		return o.OutputURI, true, nil
	case "rawoutputdataprefix":
		return rawURI(o, o.Attempt), true, nil
	case "checkpointoutputprefix":
		return checkpointURI(o, o.Attempt), true, nil
	case "prevcheckpointprefix":
		return v.previousCheckpoint(ctx), true, nil
	case "runname":
		return o.Run.ID.Name, true, nil
	case "actionname":
		return o.Action.ID.Name, true, nil
	case "runstarttime":
		return o.Run.StartTime.UTC().Format(startTimeLayout), true, nil
	case "perretryuniquekey":
		return uniqueKey(fmt.Sprintf("%s-%s-%d", o.Run.ID.Name, o.Action.ID.Name, o.Attempt)), true, nil
	case "namespace":
		return o.Run.ID.Project + "-" + o.Run.ID.Domain, true, nil
	case "tasktemplatepath":
		uri, err := v.writeTemplate(ctx)
		return uri, true, err
	}
	return "", false, nil
}

// previousCheckpoint is the newest checkpoint that an earlier attempt left;
// "": none. The backend always names the attempt before this one's; going
// further back helps when that one ended before it had saved anything.
func (v *values) previousCheckpoint(ctx context.Context) string {
	for n := v.o.Attempt - 1; n >= 1; n-- {
		uri := checkpointURI(v.o, n)
		key, err := objects.ParseURI(uri)
		if err != nil {
			return uri // in a storage of the user's own, which is not asked
		}
		if _, err := v.objects.Stat(ctx, key); err == nil {
			return uri
		}
	}
	return ""
}

func (v *values) input(ctx context.Context, name string) (string, error) {
	if v.inputs == nil {
		inputs, err := v.readInputs(ctx)
		if err != nil {
			return "", err
		}
		v.inputs = inputs
	}
	for _, l := range v.inputs.GetLiterals() {
		if l.GetName() == name {
			return literalText(l.GetValue())
		}
	}
	return "", fmt.Errorf("the action has no input of this name")
}

func (v *values) readInputs(ctx context.Context) (*task.Inputs, error) {
	key, err := objects.ParseURI(inputURI(v.o))
	if err != nil {
		return nil, err
	}
	data, _, err := v.objects.GetBytes(ctx, key, maxInputs)
	if errors.Is(err, objects.ErrNotFound) {
		return &task.Inputs{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStorage, err)
	}
	inputs := new(task.Inputs)
	if err := proto.Unmarshal(data, inputs); err != nil {
		return nil, fmt.Errorf("the inputs at %s cannot be read: %w", inputURI(v.o), err)
	}
	return inputs, nil
}

// writeTemplate stores the task's template beside its outputs, and returns
// where: nothing of the SDK's asks for it, so that it is written only then.
func (v *values) writeTemplate(ctx context.Context) (string, error) {
	uri := join(v.o.OutputURI, templateFile)
	key, err := objects.ParseURI(uri)
	if err != nil {
		return "", err
	}
	data, err := proto.Marshal(v.o.Action.Task.GetSpec().GetTaskTemplate())
	if err != nil {
		return "", err
	}
	if _, err := v.objects.Put(ctx, key, bytes.NewReader(data), objects.PutOptions{ContentType: "application/octet-stream"}); err != nil {
		return "", fmt.Errorf("%w: %w", errStorage, err)
	}
	return uri, nil
}
