// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"drydock/integration/flyte"
	"drydock/integration/flyte/launch/python"
)

// started is what a server in the background tells who started it, on
// descriptor 3.
type started struct {
	Info  *flyte.Info `json:"info,omitempty"`
	Error string      `json:"error,omitempty"`
}

// detach starts the server in the background and waits until it is ready and
// has found its Python, or has said why not.
func detach(w World, o upOptions, c flyte.Config) (flyte.Info, error) {
	if info, err := (flyte.Home{StateDir: c.StateDir}).Running(); err == nil && info != nil && info.PID != 0 {
		return flyte.Info{}, serverError(&flyte.InUseError{StateDir: c.StateDir, Info: info})
	}
	program, err := w.Self()
	if err != nil {
		return flyte.Info{}, fmt.Errorf("find drydock's own program: %w", err)
	}
	logFile, err := openLog(flyte.Home{StateDir: c.StateDir}.LogFile())
	if err != nil {
		return flyte.Info{}, err
	}
	defer logFile.Close()
	answer, tell, err := os.Pipe()
	if err != nil {
		return flyte.Info{}, err
	}
	defer answer.Close()
	cmd := exec.Command(program, serveArgs(o, c)...)
	cmd.Args[0] = w.Args[0]
	cmd.Env = w.Environ
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.ExtraFiles = []*os.File{tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal's Ctrl-C and hang-up
	err = cmd.Start()
	_ = tell.Close()
	if err != nil {
		return flyte.Info{}, fmt.Errorf("start drydock in the background: %w", err)
	}
	return awaitStart(answer, cmd, logFile.Name())
}

func awaitStart(answer io.Reader, cmd *exec.Cmd, logName string) (flyte.Info, error) {
	data, _ := io.ReadAll(answer)
	var s started
	switch {
	case json.Unmarshal(bytes.TrimSpace(data), &s) != nil:
		err := cmd.Wait()
		return flyte.Info{}, fmt.Errorf("drydock in the background ended before it was ready (%v); its log is %s", err, logName)
	case s.Error != "":
		_ = cmd.Wait()
		return flyte.Info{}, &userError{what: s.Error}
	case s.Info == nil:
		return flyte.Info{}, errors.New("drydock in the background answered nothing; its log is " + logName)
	}
	return *s.Info, cmd.Process.Release()
}

// serveArgs are the flags for the server in the background. Paths are made
// absolute: it may outlive this directory.
func serveArgs(o upOptions, c flyte.Config) []string {
	args := []string{"__serve", "--listen", c.Listen, "--state-dir", c.StateDir, "--sandbox", c.Sandbox()}
	if c.Images != nil {
		args = append(args, "--network", string(c.Images.Network))
	}
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	path := func(p string) string {
		if abs, err := filepath.Abs(p); err == nil && p != "" {
			return abs
		}
		return p
	}
	add("--token-file", path(o.TokenFile))
	add("--secrets", path(o.Secrets))
	add("--profile", path(o.Profile))
	add("--node", o.Node)
	add("--gpu-missing", o.Missing)
	if o.Substitute {
		args = append(args, "--gpu-substitute")
	}
	add("--config", path(o.Config))
	if o.MaxQueued > 0 {
		add("--max-queued", strconv.Itoa(o.MaxQueued))
	}
	if o.Python != "" && filepath.Base(o.Python) != o.Python {
		add("--python", path(o.Python))
	} else {
		add("--python", o.Python) // a name to be looked up, or a directory here
	}
	return args
}

// runDetached is the server in the background.
func runDetached(ctx context.Context, w World, o upOptions) error {
	pipe := os.NewFile(3, "the one who started this")
	if pipe == nil {
		return usagef("drydock up --detach does it", "__serve is not for people")
	}
	syscall.CloseOnExec(3)
	out := &detachedPrinter{pipe: pipe}
	c, err := upConfig(ctx, w, o)
	if err == nil {
		out.textUp = newUpPrinter(w, o, c.StateDir).(*textUp)
		defer out.stop()
		c.LogFile = flyte.Home{StateDir: c.StateDir}.LogFile()
		c.Log = slog.New(out.logs())
		if s, err := upSandbox(w, o); err == nil {
			retainRuns(ctx, w, s, o.Quiet)
			defer retaining(ctx, w, s, o.Quiet)()
		}
		turning, stop := context.WithCancel(ctx)
		defer stop()
		go keepShort(turning, c.LogFile, 1, 2) // stdout and stderr
		err = serve(ctx, w, c, out)
	}
	if err != nil {
		out.answer(started{Error: err.Error()})
	}
	if out.textUp != nil {
		return out.stopped(err)
	}
	return err
}

// detachedPrinter writes the log, and tells who started the server how that
// went: when Python is found, or when the server ended before.
type detachedPrinter struct {
	*textUp
	pipe *os.File
	info flyte.Info
	once sync.Once
}

func (p *detachedPrinter) ready(i flyte.Info) {
	p.info, p.textUp.info = i, i
	p.say(fmt.Sprintf("drydock: %s: up at %s (pid %d)\n", i.Since.Format(time.RFC3339), i.Endpoint, i.PID))
}

func (p *detachedPrinter) python(found python.Python) {
	p.textUp.python(found)
	i := p.info
	i.Python, i.SDK = found.Executable, found.SDK
	p.answer(started{Info: &i})
}

func (p *detachedPrinter) noPython(err error) {
	p.textUp.noPython(err)
	i := p.info
	p.answer(started{Info: &i})
}

func (p *detachedPrinter) answer(s started) {
	p.once.Do(func() {
		_ = json.NewEncoder(p.pipe).Encode(s) // whoever asked may be gone
		_ = p.pipe.Close()
	})
}

// tellDetached tells what is up in the background now.
func tellDetached(w World, o upOptions, c flyte.Config, i flyte.Info) error {
	switch {
	case o.JSON:
		p := &jsonUp{w: w, out: w.Stdout, stateDir: c.StateDir}
		p.ready(i)
		return nil
	case o.Quiet:
		return nil
	}
	s := styleOf(w, w.Stdout)
	with := ""
	if i.Python != "" {
		with = runsWith(i, "")
	}
	_, err := fmt.Fprintf(w.Stdout, "%s%s  in the background, pid %d; its log is %s\n", upBanner(s, i, o.where()), with, i.PID, i.Log)
	return err
}
