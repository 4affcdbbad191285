// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"drydock/gpu"
	"drydock/gpu/sysfs"
)

const (
	// DefaultEvery is how often Watch looks.
	DefaultEvery = time.Second
	// smiEvery is the least time between two runs of nvidia-smi, which takes
	// up to seconds itself.
	smiEvery = 5 * time.Second
	// hungPause is how long a driver that did not answer is left alone.
	hungPause = 30 * time.Second
)

// Watch looks at devices by their IDs again and again until ctx ends, and
// once more then. The channel is closed after that, and must be read until
// it is. Where nothing can be known, a look says why. Every of 0 is
// DefaultEvery.
//
// NVIDIA's GPUs and MIG devices are asked of the library in a process of its
// own, which also hears XIDs; of nvidia-smi, more seldom and without them,
// where that cannot be; AMD's of sysfs. What others' devices do is not told
// by anybody without their own programs.
func Watch(ctx context.Context, o Options, ids []gpu.ID, every time.Duration) <-chan gpu.Look {
	if every <= 0 {
		every = DefaultEvery
	}
	w := &watch{Options: o.complete(), ids: ids, every: every, looks: make(chan gpu.Look)}
	go func() { // ends soon after ctx
		defer close(w.looks)
		switch {
		case w.all("GPU-", "MIG-"):
			w.nvidia(ctx)
		case w.all(sysfs.AMDPrefix):
			w.poll(ctx, w.every, w.amd)
		default:
			w.problem("nothing tells what such devices are used for: " + strings.Join(texts(ids), ", "))
		}
	}()
	return w.looks
}

type watch struct {
	Options
	ids   []gpu.ID
	every time.Duration
	looks chan gpu.Look
}

func texts(ids []gpu.ID) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return all
}

func (w *watch) all(prefixes ...string) bool {
	for _, id := range w.ids {
		known := false
		for _, p := range prefixes {
			known = known || strings.HasPrefix(string(id), p)
		}
		if !known {
			return false
		}
	}
	return true
}

func (w *watch) problem(text string) { w.tell(gpu.Look{Time: time.Now(), Problem: text}) }

// tell adds whose the processes are: who reads the library is not asked to.
func (w *watch) tell(l gpu.Look) {
	for i := range l.Uses {
		for j := range l.Uses[i].Processes {
			owner(w.Root, &l.Uses[i].Processes[j])
		}
	}
	w.looks <- l
}

// nvidia asks the library as long as it answers. A driver that hangs is asked
// again later: nvidia-smi would hang, too.
func (w *watch) nvidia(ctx context.Context) {
	err := errors.New("this program has no reader for it; set DRYDOCK_BIN to the directory of drydock")
	for w.Reader != nil {
		if err = w.child(ctx); err == nil || ctx.Err() != nil {
			return
		}
		if !errors.Is(err, errSilent) {
			break
		}
		w.problem(fmt.Sprintf("the driver did not answer within %v; a GPU may be lost. It is asked again in %v", w.Limit, hungPause))
		if !sleep(ctx, hungPause) {
			return
		}
	}
	if w.SMI == "" {
		w.problem("the NVIDIA library is not asked: " + err.Error() + "; and there is no nvidia-smi")
		return
	}
	w.problem("the NVIDIA library is not asked: " + err.Error() + "; nvidia-smi is, which tells no XIDs")
	w.poll(ctx, max(w.every, smiEvery), w.smi)
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// poll looks by itself.
func (w *watch) poll(ctx context.Context, every time.Duration, look func(context.Context) (gpu.Look, error)) {
	for last := false; ; {
		l, err := look(context.WithoutCancel(ctx))
		if err != nil {
			l = gpu.Look{Problem: err.Error()}
		}
		l.Time = time.Now()
		w.tell(l)
		if last {
			return
		}
		last = !sleep(ctx, every)
	}
}

func (w *watch) amd(context.Context) (gpu.Look, error) {
	return gpu.Look{Uses: sysfs.AMDUses(w.Root, w.ids)}, nil
}
