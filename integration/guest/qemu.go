// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"drydock/integration/guest/wire"
	"drydock/internal/provide"
)

// qemu is one virtual machine that is on.
type qemu struct {
	accel    string
	hello    chan wire.Hello
	greeting wire.Hello
	console  string // file
	streams  []*stream
	stop     context.CancelFunc
	off      chan struct{} // closed when the machine is off
	fatal    string        // what the guest said went wrong; after off
	exit     string        // of QEMU; after off
}

// hardware is what the machine is made of.
type hardware struct {
	kernel, initrd string
	disks          []disk
	memory         int // MiB
	dir            string
	jobs           int
}

type disk struct {
	path     string
	readOnly bool
	keep     bool // what is written stays
}

// Patience with a starting guest.
const (
	silence  = 10 * time.Second // under KVM: it hangs
	bootTime = 5 * time.Minute  // emulated, on a busy machine
)

// noKVM remembers that KVM does not work here.
var noKVM atomic.Bool

// boot switches a machine on and waits until it is ready for its jobs.
func boot(ctx context.Context, h hardware) (*qemu, error) {
	if !noKVM.Load() && canOpen("/dev/kvm") {
		q, err := start(ctx, h, "kvm", "host")
		if err == nil {
			if err = q.ready(silence); err == nil {
				return q, nil
			}
		}
		if ctx.Err() != nil {
			return nil, err
		}
		noKVM.Store(true)
	}
	q, err := start(ctx, h, "tcg,thread=multi", "max")
	if err != nil {
		return nil, err
	}
	return q, q.ready(bootTime)
}

func canOpen(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// start starts QEMU. It is nice to the machine's other work, and the kernel
// ends it with this process.
func start(ctx context.Context, h hardware, accel, cpu string) (*qemu, error) {
	q := &qemu{accel: accel, console: filepath.Join(h.dir, "console"), hello: make(chan wire.Hello, 1), off: make(chan struct{})}
	for range h.jobs {
		q.streams = append(q.streams, newStream())
	}
	if err := os.RemoveAll(q.console); err != nil {
		return nil, err
	}
	ctx, q.stop = context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "10", "qemu-system-x86_64", "-accel", accel, "-cpu", cpu}, h.args(q.console)...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+h.dir) // for what is written to the root disk
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	said, err := os.Create(filepath.Join(h.dir, "qemu.log"))
	if err != nil {
		return nil, err
	}
	defer said.Close()
	cmd.Stderr = said
	frames, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{theirs}
	started := make(chan error)
	go func() {
		defer frames.Close()
		// The signal comes with the end of the thread that forked.
		runtime.LockOSThread()
		err := cmd.Start()
		theirs.Close()
		started <- err
		if err == nil {
			q.follow(frames)
			_ = cmd.Wait() // the guest says what counts
			q.exit = cmd.ProcessState.String()
			q.switchedOff()
		}
	}()
	return q, <-started
}

func (h hardware) args(console string) []string {
	args := []string{
		"-machine", "q35", "-smp", "2", "-m", strconv.Itoa(h.memory), "-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", h.kernel, "-initrd", h.initrd,
		// An emulated hpet would make every look at the clock an exit.
		"-append", "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=tsc mitigations=off psi=1 cgroup_no_v1=all",
		"-serial", "file:" + console,
		// The first of the extra files. Standard output would come with a
		// standard input, at whose end the guest's port is closed.
		"-add-fd", "fd=3,set=1", "-chardev", "file,id=port,append=on,path=/dev/fdset/1",
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=" + wire.Port,
	}
	for i, d := range h.disks {
		mode := "snapshot=on" // the image stays as it is
		if d.readOnly {
			mode = "readonly=on"
		} else if d.keep {
			mode = "snapshot=off"
		}
		args = append(args, "-drive", fmt.Sprintf("file=%s,format=raw,if=none,id=disk%d,cache=unsafe,%s", d.path, i, mode),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", i))
	}
	return args
}

// follow reads the guest's frames to their end.
func (q *qemu) follow(from io.Reader) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		var f wire.Frame
		if len(line) > 0 && json.Unmarshal(line, &f) == nil {
			q.frame(f)
		}
		if err != nil {
			return
		}
	}
}

func (q *qemu) frame(f wire.Frame) {
	switch {
	case f.Hello != nil:
		q.hello <- *f.Hello
	case f.Out != nil && f.Out.Job < len(q.streams):
		q.streams[f.Out.Job].write(f.Out.Data)
	case f.End != nil && f.End.Job < len(q.streams):
		q.streams[f.End.Job].end(*f.End)
	case f.Fatal != "":
		q.fatal = f.Fatal
	}
}

// wentOff is how a job ends that the guest's own end cut short.
const wentOff = "the guest went off"

// switchedOff ends what the guest did not.
func (q *qemu) switchedOff() {
	for i, s := range q.streams {
		s.end(wire.End{Job: i, Exit: -1, Error: wentOff})
	}
	close(q.off)
}

// ready waits for the guest's greeting. A guest that is silent for that long,
// on its console, too, hangs; bootTime bounds everything.
func (q *qemu) ready(silent time.Duration) error {
	for begin := time.Now(); ; {
		select {
		case h := <-q.hello:
			q.greeting = h
			return nil
		case <-q.off:
			return q.failure(errors.New("the guest went off before it was ready"))
		case <-time.After(100 * time.Millisecond):
		}
		took := time.Since(begin)
		if took > bootTime || took > silent && !q.spoke() {
			q.stop()
			<-q.off
			return q.failure(fmt.Errorf("the guest was not ready after %v", took.Round(time.Second)))
		}
	}
}

func (q *qemu) spoke() bool {
	info, err := os.Stat(q.console)
	return err == nil && info.Size() > 0
}

// failure adds what is known to an error.
func (q *qemu) failure(err error) error { return fmt.Errorf("%w: %s", err, q.lastWords()) }

// lastWords is what QEMU and the guest's console said last.
func (q *qemu) lastWords() string {
	end := "on"
	select {
	case <-q.off:
		end = q.exit
	default:
	}
	console, _ := os.ReadFile(q.console)
	said, _ := os.ReadFile(filepath.Join(filepath.Dir(q.console), "qemu.log"))
	return strings.Join([]string{"machine " + q.accel + ": " + end, provide.LastLines(string(said)), "console:", provide.LastLines(string(console))}, "\n")
}
